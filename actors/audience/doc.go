// Package audience decides who belongs to a segment: it checks expressions, matches
// them with profiles, and plans how to find the users through an index.
//
// An expression is written in the syntax of expr-lang/expr, of which a part is
// allowed:
//
//	'vip' in tags && attributes.city == 'Shanghai'
//	attributes.level >= 3 and locale in ['zh-CN', 'zh-TW']
//	attributes.signed_up > now - duration('30d') && !('news' in follows)
//
// A profile has attributes.NAME or attributes['NAME'] (a string, number, bool, time or
// list), the sets tags, tenants, follows and lists, and the strings locale and zone. now is
// the time of the message. There are comparisons, in, contains, startsWith, endsWith,
// && || ! (and, or, not), lists of constants, and the functions date, duration, len
// and lower. TestExpressions is a list of what each means.
//
// Rules that a change must keep:
//
//   - The same expression, profile and now give the same answer, on every node and
//     in every later version of the program: what was sent is judged anew when a user
//     wakes. So the parser is the library's, and the meaning is the package's own.
//   - A comparison with a value that is absent, or of another kind, is false. Its
//     opposite is true: !=, not in and ! are exact negations. Who has no city has
//     attributes.city != 'Shanghai'; 'city' in attributes asks for those who have one.
//   - Nothing fails when a profile is matched. What can be wrong is wrong when the
//     expression is checked, at a place that the error names.
//   - There are no loops: matching costs at most maxParts looks at the profile.
//   - A plan finds exactly the users whom Matches finds (plan_test.go), in the order
//     of the index, whatever the pages are.
//
// Start reading at segment.go; check.go and operand.go turn the library's tree into
// tests (test.go), fault.go says what is wrong with it, plan.go finds the users through
// Postings.
package audience
