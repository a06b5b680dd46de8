package judge

import "fmt"

// An Import is one job that was insisted on until it was done, by one server after the other.
type Import struct {
	Job      string
	Users    []string // in the order of the lines
	Bad      int      // the number of the one line that no server may take; 0: there is none
	Resumed  int      // how often it had to go on
	Done     bool     // so a server said
	Said     ImportJob
	Members  []string       // of the list that each line names, at the end
	Written  map[string]int // how often each user's profile was written, by the journals
	Mistaken []string       // users whose profile is not what their line says
}

// An ImportJob is what a server says of a job at the end.
type ImportJob struct {
	State  string
	Lines  int
	Done   int
	Bad    int
	Errors []struct{ Line int }
}

// CheckImports judges imports: each line was taken once, and the bad one was told.
func CheckImports(list []Import) (errs []error) {
	for i := range list {
		im := &list[i]
		wrong := func(format string, args ...any) {
			if len(errs) < maxErrors {
				errs = append(errs, fmt.Errorf("the import "+im.Job+": "+format, args...))
			}
		}
		if !im.Done {
			wrong("it was not done, though it was insisted on")
			continue
		}
		bad := 0
		if im.Bad > 0 {
			bad = 1
		}
		if s := im.Said; s.State != "done" || s.Done != len(im.Users) || s.Bad != bad || s.Lines != len(im.Users)+bad {
			wrong("it is %s, %d of %d lines done, %d bad; want %d done and %d bad", s.State, s.Done, s.Lines, s.Bad, len(im.Users), bad)
		}
		if e := im.Said.Errors; len(e) != bad || bad > 0 && e[0].Line != im.Bad {
			wrong("it tells of bad lines %v, the bad one is %d", e, im.Bad)
		}
		members := make(map[string]int)
		for _, user := range im.Members {
			members[user]++
		}
		for _, user := range im.Users {
			if members[user] != 1 {
				wrong("%s is %d times in its list", user, members[user])
			}
			if im.Written[user] != 1 {
				wrong("%s was written %d times", user, im.Written[user])
			}
		}
		if len(im.Members) != len(im.Users) {
			wrong("its list has %d users, want %d", len(im.Members), len(im.Users))
		}
		for _, what := range im.Mistaken {
			wrong("%s", what)
		}
	}
	return errs
}
