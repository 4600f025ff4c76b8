package main

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/client-go/kubernetes/scheme"
)

// compiled checks the objects of one kind.
type compiled struct {
	structural *structuralschema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

func compile(properties *apiextensions.JSONSchemaProps) (*compiled, error) {
	structural, err := structuralschema.NewStructural(properties)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(properties)
	if err != nil {
		return nil, err
	}
	return &compiled{structural, validator, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// checkFile gives the faults of all that a path holds. It is an error if that cannot be read, or is nothing.
func (all *kinds) checkFile(path string) ([]string, error) {
	text, err := readText(path)
	if err != nil {
		return nil, err
	}
	objects, faults := readObjects(text)
	if len(objects) == 0 && len(faults) == 0 {
		return nil, fmt.Errorf("%s: holds no object", path)
	}
	seen := map[string]bool{}
	for _, object := range objects {
		title := title(object)
		found, err := all.checkObject(object)
		if err != nil {
			return nil, err
		}
		if seen[title] {
			found = append(found, "stands more than once")
		}
		seen[title] = true
		slices.Sort(found)
		for _, fault := range found {
			faults = append(faults, title+": "+line(fault))
		}
	}
	return faults, nil
}

// title names an object by group, kind, namespace and name.
func title(object *unstructured.Unstructured) string {
	name := object.GetName()
	if namespace := object.GetNamespace(); namespace != "" {
		name = namespace + "/" + name
	}
	return object.GroupVersionKind().GroupKind().String() + " " + name
}

func (all *kinds) checkObject(object *unstructured.Unstructured) ([]string, error) {
	faults := nameFaults(object)
	kind := object.GroupVersionKind()
	own, err := all.of(kind)
	if err != nil {
		return nil, err
	}
	if own != nil {
		return append(faults, own.faults(object)...), nil
	}
	if scheme.Scheme.Recognizes(kind) {
		return append(faults, builtInFaults(object, kind)...), nil
	}
	return append(faults, fmt.Sprintf("apiVersion: no definition of %s in %q", kind.Kind, object.GetAPIVersion())), nil
}

// nameFaults holds names, labels and annotations against what Kubernetes takes.
func nameFaults(object *unstructured.Unstructured) []string {
	object = object.DeepCopy()
	isNamespaced := object.GetNamespace() != ""
	return texts(metavalidation.ValidateObjectMetaAccessor(
		object, isNamespaced, metavalidation.NameIsDNSSubdomain, field.NewPath("metadata")))
}

// builtInFaults decodes an object of Kubernetes' own kinds; fields that these do not have are faults.
func builtInFaults(object *unstructured.Unstructured, kind schema.GroupVersionKind) []string {
	encoded, err := object.MarshalJSON()
	if err != nil {
		return []string{err.Error()}
	}
	codecs := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict)
	_, _, err = codecs.UniversalDeserializer().Decode(encoded, &kind, nil)
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		var faults []string
		for _, fault := range strict.Errors() {
			faults = append(faults, fault.Error())
		}
		return faults
	}
	if err != nil {
		return []string{err.Error()}
	}
	return nil
}

// faults does what an API server does with a custom resource, but that unknown fields are faults, not dropped.
func (own *compiled) faults(object *unstructured.Unstructured) []string {
	var faults []string
	options := structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	pruned := object.DeepCopy().Object
	for _, path := range pruning.PruneWithOptions(pruned, own.structural, true, options) {
		faults = append(faults, path+": unknown field")
	}
	value := object.DeepCopy().Object
	defaulting.Default(value, own.structural)
	list := validation.ValidateCustomResource(nil, value, own.validator)
	list = append(list, listtype.ValidateListSetsAndMaps(nil, own.structural, value)...)
	// As in an API server, rules are not asked of what has not the right types.
	if len(list) == 0 && own.rules != nil {
		broken, _ := own.rules.Validate(
			context.Background(), nil, own.structural, value, nil, celconfig.RuntimeCELCostBudget)
		list = append(list, broken...)
	}
	return append(faults, texts(list)...)
}

func texts(list field.ErrorList) []string {
	var faults []string
	for _, fault := range list {
		faults = append(faults, fault.Error())
	}
	return faults
}
