package main

import (
	"strings"
	"testing"
)

func TestTarget(t *testing.T) {
	for arg, want := range map[string][2]string{
		"films":                   {"films", ""},
		"films/":                  {"films", ""},
		"films/2026":              {"films", "2026/"},
		"films/2026/raw/":         {"films", "2026/raw/"},
		"s3://films":              {"films", ""},
		"s3://films/2026/":        {"films", "2026/"},
		"my.films_1-a":            {"my.films_1-a", ""},
		"films/Ünï code/ß":        {"films", "Ünï code/ß/"},
		"fast--use1-az4--x-s3/in": {"fast--use1-az4--x-s3", "in/"},
		"arn:aws:s3:eu-west-1:111122223333:accesspoint/cut":   {"arn:aws:s3:eu-west-1:111122223333:accesspoint/cut", ""},
		"arn:aws:s3:eu-west-1:111122223333:accesspoint/cut/a": {"arn:aws:s3:eu-west-1:111122223333:accesspoint/cut", "a/"},
	} {
		var s settings
		if err := s.setTarget(arg); err != nil || s.bucket != want[0] || s.prefix != want[1] {
			t.Errorf("%s: bucket %q, prefix %q, %v; want %q", arg, s.bucket, s.prefix, err, want)
		}
	}
}

func TestTargetRefusals(t *testing.T) {
	for arg, remedy := range map[string]string{
		"":               "my-bucket",
		"s3://":          "my-bucket",
		"/films":         "my-bucket",
		"Films":          `"films"`,
		"fi":             "3 to 63",
		"my films":       "lower-case letters",
		"films//2026":    "bucket/some/folder",
		"films/./2026":   "bucket/some/folder",
		"films/../other": "bucket/some/folder",
	} {
		var s settings
		if err := s.setTarget(arg); err == nil || !strings.Contains(err.Error(), remedy) {
			t.Errorf("%q: %v; want an error with %q", arg, err, remedy)
		}
	}
}
