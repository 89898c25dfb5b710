{{- /*
Refuses values that cannot work. Each message names the value's place, the value and the remedy, which helm's own
messages about values.schema.json do not: the schema says only which values there are.
*/ -}}

{{- define "tts-operator.refuse" -}}
{{- $place := index . 0 }}{{ $value := index . 1 }}{{ $remedy := index . 2 }}
{{- fail (printf "%s is %s: %s" $place (toJson $value) $remedy) }}
{{- end }}

{{- define "tts-operator.checks" -}}
{{- $tag := "[A-Za-z0-9_][A-Za-z0-9._-]*" }}
{{- $digest := "sha256:[0-9a-f]{64}" }}
{{- range $place := list "image" "workload" "crds" "podDisruptionBudget" }}
{{- if not (kindIs "map" (index $.Values $place)) }}
{{- include "tts-operator.refuse" (list $place (index $.Values $place) (printf "give its members, as values.yaml does, such as %s.%s" $place (get (dict "image" "tag" "workload" "image" "crds" "install" "podDisruptionBudget" "enabled") $place))) }}
{{- end }}
{{- end }}
{{- with .Values.image }}
{{- if not (and (kindIs "string" .repository) (regexMatch "^[^ :@]+(:[0-9]+/[^ :@]+)?$" (toString .repository))) }}
{{- include "tts-operator.refuse" (list "image.repository" .repository "name the operator's image without a tag, such as registry.example.com/tts-operator; the tag is image.tag") }}
{{- end }}
{{- if not (kindIs "string" .tag) }}
{{- include "tts-operator.refuse" (list "image.tag" .tag "put the tag in quotes, such as \"0.1\", because YAML reads it as something else") }}
{{- else if eq .tag "latest" }}
{{- include "tts-operator.refuse" (list "image.tag" .tag "give a version, such as 0.1.0, because latest names another image tomorrow; empty means the chart's version") }}
{{- else if not (regexMatch (printf "^(%s)?$" $tag) .tag) }}
{{- include "tts-operator.refuse" (list "image.tag" .tag "a tag has letters, digits, dots, _ and -, such as 0.1.0; empty means the chart's version") }}
{{- end }}
{{- if not (and (kindIs "string" .digest) (regexMatch (printf "^(%s)?$" $digest) (toString .digest))) }}
{{- include "tts-operator.refuse" (list "image.digest" .digest "give sha256: and 64 hexadecimal digits, as `docker images --digests` shows it, or leave it empty to use the tag") }}
{{- end }}
{{- if not (has .pullPolicy (list "Always" "IfNotPresent" "Never")) }}
{{- include "tts-operator.refuse" (list "image.pullPolicy" .pullPolicy "choose Always, IfNotPresent or Never") }}
{{- end }}
{{- end }}
{{- $image := .Values.workload.image }}
{{- if not (and (kindIs "string" $image) (regexMatch (printf "^[^ :@]+(:[0-9]+/[^ :@]+)?(:%s)?(@%s)?$" $tag $digest) (toString $image)) (regexMatch (printf "(:%s|@%s)$" $tag $digest) (toString $image)) (not (regexMatch "^[^/]*:[0-9]+/[^:@]*$" (toString $image)))) }}
{{- include "tts-operator.refuse" (list "workload.image" $image "name the image of training and service pods with a tag or a digest, such as registry.example.com/tts-workload:0.1.0") }}
{{- else if hasSuffix ":latest" $image }}
{{- include "tts-operator.refuse" (list "workload.image" $image "give a version or a digest instead of latest, such as registry.example.com/tts-workload:0.1.0, because latest names another image tomorrow") }}
{{- end }}
{{- with .Values }}
{{- if not (regexMatch "^([0-9]|10)$" (toString .replicas)) }}
{{- include "tts-operator.refuse" (list "replicas" .replicas "give a whole number from 0 to 10") }}
{{- end }}
{{- if not (has .logLevel (list "debug" "info" "warning" "error")) }}
{{- include "tts-operator.refuse" (list "logLevel" .logLevel "choose debug, info, warning or error") }}
{{- end }}
{{- range $place, $value := dict "crds.install" .crds.install "podDisruptionBudget.enabled" .podDisruptionBudget.enabled }}
{{- if not (kindIs "bool" $value) }}
{{- include "tts-operator.refuse" (list $place $value "choose true or false") }}
{{- end }}
{{- end }}
{{- $namespaces := "list the names of namespaces, each once, such as {speech,voices}; an empty list means all" }}
{{- if not (kindIs "slice" .watchNamespaces) }}
{{- include "tts-operator.refuse" (list "watchNamespaces" .watchNamespaces $namespaces) }}
{{- end }}
{{- range .watchNamespaces }}
{{- if not (and (kindIs "string" .) (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" (toString .))) }}
{{- include "tts-operator.refuse" (list "watchNamespaces" $.Values.watchNamespaces $namespaces) }}
{{- end }}
{{- end }}
{{- if ne (len .watchNamespaces) (len (uniq .watchNamespaces)) }}
{{- include "tts-operator.refuse" (list "watchNamespaces" .watchNamespaces $namespaces) }}
{{- end }}
{{- range $place, $value := dict "podLabels" .podLabels "podAnnotations" .podAnnotations "nodeSelector" .nodeSelector }}
{{- if not (kindIs "map" $value) }}
{{- include "tts-operator.refuse" (list $place $value "give names with a text each, such as {team: speech}") }}
{{- end }}
{{- range $name, $text := $value }}
{{- if not (kindIs "string" $text) }}
{{- include "tts-operator.refuse" (list (printf "%s.%s" $place $name) $text "put the text in quotes (on the command line: --set-string)") }}
{{- end }}
{{- end }}
{{- end }}
{{- range $place, $value := dict "resources" .resources "affinity" .affinity }}
{{- if not (kindIs "map" $value) }}
{{- include "tts-operator.refuse" (list $place $value "give it as in the spec of a pod, or {} for none") }}
{{- end }}
{{- end }}
{{- if not (kindIs "slice" .tolerations) }}
{{- include "tts-operator.refuse" (list "tolerations" .tolerations "give a list as in the spec of a pod, such as [{key: gpu, operator: Exists}]") }}
{{- end }}
{{- range $number, $one := .tolerations }}
{{- if not (kindIs "map" $one) }}
{{- include "tts-operator.refuse" (list (printf "tolerations[%d]" $number) $one "give it as in the spec of a pod, such as {key: gpu, operator: Exists}") }}
{{- end }}
{{- end }}
{{- $secrets := "give a list of names of Secrets, such as [{name: registry}]" }}
{{- if not (kindIs "slice" .imagePullSecrets) }}
{{- include "tts-operator.refuse" (list "imagePullSecrets" .imagePullSecrets $secrets) }}
{{- end }}
{{- range $number, $one := .imagePullSecrets }}
{{- if not (and (kindIs "map" $one) (kindIs "string" (dig "name" 0 (ternary $one dict (kindIs "map" $one))))) }}
{{- include "tts-operator.refuse" (list (printf "imagePullSecrets[%d]" $number) $one $secrets) }}
{{- end }}
{{- end }}
{{- if not (kindIs "string" .priorityClassName) }}
{{- include "tts-operator.refuse" (list "priorityClassName" .priorityClassName "give the name of a PriorityClass in quotes, or leave it empty") }}
{{- end }}
{{- end }}
{{- end }}
