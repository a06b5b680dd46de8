package eventloop

// Config sizes a Loop.
type Config struct {
	// Loops is how many goroutines read. Zero: one for each processor that Go
	// uses, at most 4: clients send little. More than 256 are 256.
	Loops int
}
