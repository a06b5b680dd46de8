// Package places bounds how many requests of a kind are under way, in all and of each app.
//
// A place that was taken is given back by whoever took it, once. Start reading at places.go.
package places
