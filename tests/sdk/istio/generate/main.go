// Command generate writes what Istio's own control plane makes of manifests for one proxy: the listeners for what comes
// in, their clusters, routes that come apart (RDS), and the extension configurations (ECDS), as JSON.
//
// usage: generate FILE NAMESPACE LABEL=VALUE sidecar|gateway OUT
//
// FILE is what a kustomization renders. Istio's objects and the Services in it are given to istiod's generation of
// configurations (the fake server of its own tests: no cluster, no network), and a Pod as the Deployment with that label
// makes it. istiod logs on both streams: what it makes is in OUT.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/constants"
	"istio.io/istio/pkg/spiffe"
	"istio.io/istio/pkg/test"
)

const address = "10.1.2.3"

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: generate FILE NAMESPACE LABEL=VALUE sidecar|gateway OUT")
		os.Exit(2)
	}
	err := test.Wrap(func(t test.Failer) {
		text, err := generate(t, os.Args[1], os.Args[2], os.Args[3], kinds[os.Args[4]])
		if err == nil {
			err = os.WriteFile(os.Args[5], text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

var kinds = map[string]model.NodeType{"sidecar": model.SidecarProxy, "gateway": model.Router}

type manifests struct {
	istio   []string
	objects []runtime.Object
	labels  map[string]string
	account string
}

func read(file, namespace, selector string) (*manifests, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key, value, _ := strings.Cut(selector, "=")
	found := &manifests{}
	documents := kubeyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		object := unstructured.Unstructured{}
		if err := documents.Decode(&object.Object); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		if err := found.take(&object, namespace, key, value); err != nil {
			return nil, err
		}
	}
}

func (m *manifests) take(object *unstructured.Unstructured, namespace, key, value string) error {
	convert := runtime.DefaultUnstructuredConverter.FromUnstructured
	switch group := object.GroupVersionKind().Group; {
	case strings.HasSuffix(group, ".istio.io"):
		text, err := yaml.Marshal(object.Object)
		m.istio = append(m.istio, string(text))
		return err
	case object.GetKind() == "Service":
		service := &corev1.Service{}
		m.objects = append(m.objects, service)
		return convert(object.Object, service)
	case object.GetKind() == "Deployment" && object.GetNamespace() == namespace:
		deployment := &appsv1.Deployment{}
		if err := convert(object.Object, deployment); err != nil || deployment.Spec.Template.Labels[key] != value {
			return err
		}
		m.labels, m.account = deployment.Spec.Template.Labels, deployment.Spec.Template.Spec.ServiceAccountName
		m.objects = append(m.objects, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "pod", Namespace: namespace, Labels: m.labels},
			Spec:       deployment.Spec.Template.Spec,
			Status: corev1.PodStatus{
				PodIP: address, PodIPs: []corev1.PodIP{{IP: address}}, Phase: corev1.PodRunning,
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			},
		})
	}
	return nil
}

func generate(t test.Failer, file, namespace, selector string, kind model.NodeType) ([]byte, error) {
	found, err := read(file, namespace, selector)
	if err != nil {
		return nil, err
	}
	if found.labels == nil {
		return nil, fmt.Errorf("no Deployment in %s has pods with %s", namespace, selector)
	}
	server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		ConfigString:      strings.Join(found.istio, "\n---\n"),
		KubernetesObjects: found.objects,
	})
	proxy := server.SetupProxy(&model.Proxy{
		Type: kind, IPAddresses: []string{address}, ID: "pod." + namespace, ConfigNamespace: namespace,
		DNSDomain: namespace + ".svc.cluster.local", Labels: found.labels,
		VerifiedIdentity: &spiffe.Identity{TrustDomain: constants.DefaultClusterLocalDomain, Namespace: namespace, ServiceAccount: found.account},
		Metadata:         &model.NodeMetadata{Namespace: namespace, Labels: found.labels, ClusterID: "Kubernetes", ServiceAccount: found.account},
	})
	listeners := server.Listeners(proxy)
	names := extensions(listeners)
	return write(map[string][]proto.Message{
		"listeners": messages(listeners, func(one *listener.Listener) bool {
			return kind == model.Router || one.Name == model.VirtualInboundListenerName
		}),
		"routes": messages(server.RoutesFromListeners(proxy, listeners), func(*route.RouteConfiguration) bool {
			return kind == model.Router
		}),
		"clusters": messages(server.Clusters(proxy), func(one *cluster.Cluster) bool {
			return strings.HasPrefix(one.Name, "inbound|")
		}),
		"extensions": messages(server.ConfigGen.BuildExtensionConfiguration(proxy, server.PushContext(), names, nil),
			func(*core.TypedExtensionConfig) bool { return true }),
	})
}

func messages[M proto.Message](all []M, wanted func(M) bool) []proto.Message {
	found := make([]proto.Message, 0, len(all))
	for _, each := range all {
		if wanted(each) {
			found = append(found, each)
		}
	}
	return found
}

// extensions are the names that the listeners ask for, each once.
func extensions(listeners []*listener.Listener) []string {
	seen := map[string]bool{}
	var names []string
	for _, listener := range listeners {
		text, err := protojson.Marshal(listener)
		if err != nil {
			continue
		}
		var tree any
		if json.Unmarshal(text, &tree) == nil {
			walk(tree, func(name string) {
				if !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			})
		}
	}
	return names
}

func walk(tree any, found func(string)) {
	switch value := tree.(type) {
	case []any:
		for _, each := range value {
			walk(each, found)
		}
	case map[string]any:
		if _, is := value["configDiscovery"]; is {
			if name, is := value["name"].(string); is {
				found(name)
			}
		}
		for _, each := range value {
			walk(each, found)
		}
	}
}

// What differs between two runs: the agent puts the version of the object there.
var version = regexp.MustCompile(`("ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION":\s*)"[^"]*"`)

func write(all map[string][]proto.Message) ([]byte, error) {
	out := map[string][]json.RawMessage{}
	for key, messages := range all {
		out[key] = []json.RawMessage{}
		for _, message := range messages {
			text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
			if err != nil {
				return nil, err
			}
			out[key] = append(out[key], text)
		}
	}
	text, err := json.MarshalIndent(out, "", " ")
	return version.ReplaceAll(append(text, '\n'), []byte(`$1"1"`)), err
}
