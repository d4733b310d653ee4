//go:build race

package worker

// slack is by how much everything takes longer.
const slack = 4
