# Compiled into labels.tar.gz by: opa build -t wasm -e k8srequiredlabels/violation -e labels/deny -o labels.tar.gz labels.rego deny.rego
package k8srequiredlabels

violation contains {"msg": msg, "details": {"missing": missing}} if {
	provided := {label | some label, _ in input.review.object.metadata.labels}
	required := {label | some label in input.parameters.labels}
	missing := required - provided
	count(missing) > 0
	msg := sprintf("needs the labels %v", [sort(missing)])
}
