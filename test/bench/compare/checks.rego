# Six questions that other tools ask too, written for this bench: there is no set of Rego policies for `opa exec`.
package bench

import rego.v1

spec := input.spec if input.kind == "Pod"

spec := input.spec.template.spec if input.kind in {"Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "Job", "ReplicationController"}

spec := input.spec.jobTemplate.spec.template.spec if input.kind == "CronJob"

containers contains container if some container in spec.containers

containers contains container if some container in spec.initContainers

found contains "privileged" if {
	some container in containers
	container.securityContext.privileged == true
}

found contains "host-path" if {
	some volume in spec.volumes
	volume.hostPath
}

found contains "host-namespaces" if {
	some name in {"hostPID", "hostIPC", "hostNetwork"}
	spec[name] == true
}

found contains "image-version" if {
	some container in containers
	not versioned(container.image)
}

found contains "run-as-root" if {
	some container in containers
	not object.get(container, ["securityContext", "runAsNonRoot"], object.get(spec, ["securityContext", "runAsNonRoot"], false))
}

versioned(image) if contains(image, "@sha256:")

versioned(image) if {
	regex.match(`:[^/:]+$`, image)
	not endswith(image, ":latest")
}
