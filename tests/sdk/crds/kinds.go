package main

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kinds holds the definitions that a cluster would have beside its own kinds.
type kinds struct {
	schemas  map[schema.GroupVersionKind]*apiextensions.JSONSchemaProps
	compiled map[schema.GroupVersionKind]*compiled
}

// readKinds reads the definitions beside this program: those of one Istio, and of the Gateway API.
func readKinds(istio string) (*kinds, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	all := &kinds{
		schemas:  map[schema.GroupVersionKind]*apiextensions.JSONSchemaProps{},
		compiled: map[schema.GroupVersionKind]*compiled{},
	}
	for _, name := range []string{"api-" + istio + ".yaml", "gateway-api.yaml"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(program), name))
		if err != nil {
			return nil, err
		}
		objects, faults := readObjects(text)
		if len(faults) > 0 {
			return nil, fmt.Errorf("%s: %s", name, faults[0])
		}
		for _, object := range objects {
			if err := all.add(object); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, object.GetName(), err)
			}
		}
	}
	return all, nil
}

// add takes in the versions of one definition that are served.
func (all *kinds) add(object *unstructured.Unstructured) error {
	var definition apiextensionsv1.CustomResourceDefinition
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &definition); err != nil {
		return err
	}
	for _, version := range definition.Spec.Versions {
		if !version.Served {
			continue
		}
		var validation apiextensions.CustomResourceValidation
		if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(
			version.Schema, &validation, nil); err != nil {
			return err
		}
		kind := schema.GroupVersionKind{
			Group: definition.Spec.Group, Version: version.Name, Kind: definition.Spec.Names.Kind,
		}
		all.schemas[kind] = validation.OpenAPIV3Schema
	}
	return nil
}

// of gives what checks a kind, or nothing if no definition is for it.
func (all *kinds) of(kind schema.GroupVersionKind) (*compiled, error) {
	if known, ok := all.compiled[kind]; ok {
		return known, nil
	}
	properties, ok := all.schemas[kind]
	if !ok {
		return nil, nil
	}
	made, err := compile(properties)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	all.compiled[kind] = made
	return made, nil
}
