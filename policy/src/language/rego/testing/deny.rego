package labels

deny contains {"msg": msg, "path": path} if {
	some label, value in input.metadata.labels
	not regex.match(`^[a-z]+$`, value)
	path := sprintf("metadata.labels.%s", [label])
	msg := sprintf("%q is not in small letters", [value])
}
