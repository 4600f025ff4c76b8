// Crds renders kustomizations as `kubectl apply -k` does, and checks Kubernetes objects as an API server would that has
// the definitions of Istio and of the Gateway API.
//
//	crds render DIR                                        prints the objects of a kustomization
//	crds check [--istio oldest|newest|all] FILE-or-DIR...  prints one line for each fault; `-` is standard input
//
// It ends with 0 if all is good, with 2 after faults, and with 1 if it could not do its work.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

const usage = "usage: crds render DIR | crds check [--istio oldest|newest|all] FILE-or-DIR..."

func main() {
	arguments := os.Args[1:]
	var err error
	faulty := false
	switch {
	case len(arguments) == 2 && arguments[0] == "render":
		err = printRendered(arguments[1])
	case len(arguments) >= 2 && arguments[0] == "check":
		faulty, err = check(arguments[1:])
	default:
		err = errors.New(usage)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "crds:", err)
		os.Exit(1)
	case faulty:
		os.Exit(2)
	}
}

func printRendered(directory string) error {
	text, err := render(directory)
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	return err
}

// check prints the faults of all files, and says whether there are any.
func check(arguments []string) (bool, error) {
	versions := []string{"oldest", "newest"}
	if arguments[0] == "--istio" && len(arguments) > 2 {
		if arguments[1] != "all" {
			versions = []string{arguments[1]}
		}
		arguments = arguments[2:]
	}
	if !slices.Contains([]string{"oldest", "newest"}, versions[0]) {
		return false, errors.New(usage)
	}
	faulty := false
	for _, version := range versions {
		kinds, err := readKinds(version)
		if err != nil {
			return false, err
		}
		for _, path := range arguments {
			faults, err := kinds.checkFile(path)
			if err != nil {
				return false, err
			}
			for _, fault := range faults {
				fmt.Printf("%s: Istio %s: %s\n", path, version, fault)
			}
			faulty = faulty || len(faults) > 0
		}
	}
	return faulty, nil
}
