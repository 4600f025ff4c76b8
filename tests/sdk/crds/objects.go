package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// readText gives what a path holds: a file, standard input, or what a kustomization renders to.
func readText(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(os.Stdin)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return render(path)
	}
	return os.ReadFile(path)
}

// readObjects gives the objects of all documents, those of lists one by one, and the faults of documents without any.
func readObjects(text []byte) (objects []*unstructured.Unstructured, faults []string) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for number := 1; ; number++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, faults
		}
		// Strict: a key that stands twice is a fault.
		var encoded []byte
		if err == nil {
			encoded, err = yaml.YAMLToJSONStrict(document)
		}
		if err == nil && string(encoded) == "null" {
			continue
		}
		var found []*unstructured.Unstructured
		if err == nil {
			found, err = decode(encoded)
		}
		if err != nil {
			return objects, append(faults, fmt.Sprintf("document %d: %s", number, line(err.Error())))
		}
		objects = append(objects, found...)
	}
}

// line gives a text of several lines as one.
func line(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

func decode(encoded []byte) ([]*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(encoded); err != nil {
		return nil, err
	}
	if !object.IsList() {
		return []*unstructured.Unstructured{object}, nil
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(encoded, &list); err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, item := range list.Items {
		found, err := decode(item)
		if err != nil {
			return nil, err
		}
		objects = append(objects, found...)
	}
	return objects, nil
}
