package profile

// The bounds of what is kept of one user. Sizes are in bytes of UTF-8.
const (
	MaxTags       = 200
	MaxTag        = 64
	MaxAttributes = 200
	MaxName       = 64   // of an attribute
	MaxText       = 1024 // of an attribute, and of each item of a list
	MaxList       = 100  // items of an attribute
	MaxTenants    = 100
	MaxTenant     = 64
	MaxAddresses  = 50 // of all channels
	MaxAddress    = 2048
	MaxAccount    = 256
	MaxLocale     = 35 // RFC 5646, section 4.4.1
	MaxZone       = 64
	MaxSize       = 64 << 10 // of all of a profile, encoded

	MaxCategories      = 200 // that there are preferences for
	MaxCategory        = 64
	MaxPreferencesSize = 32 << 10 // of all preferences, encoded

	MaxFollows     = 1000     // topics that a user follows
	MaxFollowsSize = 64 << 10 // of their names

	MaxLists     = 1000     // that a user is in
	MaxListName  = 64       // as of other names in a path
	MaxListsSize = 32 << 10 // of their names
)
