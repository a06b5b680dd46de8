package actors

import "github.com/prometheus/client_golang/prometheus"

// Judged counts what the rules said of messages, by the rule that decided and what came of it.
// There are as many of them as there are rules: no name of a policy is among the labels.
type Judged [numRules][numJudgements]prometheus.Counter

// A judgement is what the rules can say.
type judgement uint8

const (
	judgedPassed judgement = iota
	judgedHeld
	judgedGathered
	judgedFiltered
	numJudgements = iota
)

// numRules is how many rules there are; PASSED stands for none.
const numRules = int(Rule_QUOTA) + 1

// newJudged returns the counters, and what is to be registered.
func newJudged() (j Judged, all *prometheus.CounterVec) {
	all = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "reddot", Name: "rules_total",
		Help: "Messages to users by what the rules said (passed, held, gathered, filtered) and the rule that decided; broadcasts, which each user merges, are not counted."},
		[]string{"rule", "outcome"})
	for r := range j {
		rule := Rule(r).Word()
		if rule == "" {
			rule = "none"
		}
		for o, outcome := range [numJudgements]string{"passed", "held", "gathered", "filtered"} {
			if (r == 0) == (o == int(judgedPassed)) { // what passed, no rule stopped
				j[r][o] = all.WithLabelValues(rule, outcome)
			}
		}
	}
	return j, all
}

// Count counts what a fresh event says.
func (j *Judged) Count(e *Event) {
	rule, o := e.Verdict.GetRule(), judgedHeld
	switch e.Kind {
	case Kind_ACCEPTED:
		switch {
		case e.State != State_SCHEDULED:
			rule, o = Rule_PASSED, judgedPassed
		case rule == Rule_PASSED: // it waits for its time
			return
		}
	case Kind_DUE:
		rule, o = Rule_PASSED, judgedPassed
	case Kind_FILTERED:
		o = judgedFiltered
	case Kind_DIGESTED:
		o = judgedGathered
	case Kind_HELD:
	default:
		return
	}
	if rule < Rule(numRules) && j[rule][o] != nil {
		j[rule][o].Inc()
	}
}
