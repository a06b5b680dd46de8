// Package report is what the load generator's runs have shown: rates, latencies,
// faults, and the processor's time and memory of processes. It writes them as a
// table or as JSON, with the medians of several runs.
//
// Rules that a change must keep:
//
//   - The names in the JSON are public: figures are compared across versions.
//   - A fault of the server makes the report an error.
//
// Start reading at report.go.
package report
