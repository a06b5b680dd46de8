package rule

// The bounds of a policy. Sizes are in bytes, times in milliseconds.
const (
	maxPolicy   = 16 << 10 // of its JSON
	maxCaps     = 16
	maxCap      = 1000 // deliveries in a window
	maxHolidays = 100
	maxQuotas   = 8
	maxQuota    = 1_000_000_000 // deliveries to all users in a window
	maxKey      = 64            // of a digest, without what stands for its placeholders
	maxTitle    = 128

	maxWord     = 32                       // of what is one of a few words
	minPer      = 1000                     // of a cap, of duplicates
	minQuotaPer = 60 * 1000                // of a quota
	maxPer      = 31 * 24 * 60 * 60 * 1000 // likewise
	minWindow   = 1000                     // of a digest
	maxWindow   = 7 * 24 * 60 * 60 * 1000  // likewise
	maxSpread   = 60 * 60 * 1000           // of what is released
	maxHold     = 31 * 24 * 60 * 60 * 1000 // that a message waits; what would wait longer is left out
)

// The bounds of what is kept of one user. What is beyond the numbers of scopes, times
// and contents goes with the oldest first, and counts no more.
const (
	maxScopes    = 512 // that are counted
	maxTimes     = maxCaps * maxCap
	maxSaid      = 1000 // contents
	maxStandings = 100
	maxWindows   = 16           // digests that are open
	maxItems     = 1000         // of a digest; it counts what is beyond
	maxItemsSize = 64<<10 - 128 // of a digest's items as JSON, so that its data is no larger than that of a message; the oldest ones lose their titles first
	maxItemTitle = 128
	maxItemURL   = 2048
)
