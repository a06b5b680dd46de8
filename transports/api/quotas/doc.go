// Package quotas is the API's resource of what users of an app share: how much of each quota is
// taken in its window. Policies say what a quota is (the package rule of actors), and nodes
// share it out (the package quota).
//
// Start reading at quotas.go.
package quotas
