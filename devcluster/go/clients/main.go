// kubectl and Helm in one file, which runs the one that it is called by: links to it have their names. They are apart
// from the servers since they start often: what is in a file is initialised at each start.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	helm "helm.sh/helm/v4/pkg/cmd"
	"helm.sh/helm/v4/pkg/kube"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // for kubeconfigs that say how to log in
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "kubectl":
		runKubectl()
	case "helm":
		runHelm()
	default:
		fmt.Fprintf(os.Stderr, "%s is neither kubectl nor helm: call this file by the name of one\n", name)
		os.Exit(2)
	}
}

// As k8s.io/kubernetes/cmd/kubectl does.
func runKubectl() {
	_, _ = logs.GlogSetter(kubectl.GetLogVerbosity(os.Args))
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}

// As helm.sh/helm/v4/cmd/helm does.
func runHelm() {
	kube.ManagedFieldsManager = "helm"
	command, err := helm.NewRootCmd(os.Stdout, os.Args[1:], helm.SetupLogging)
	if err == nil {
		err = command.Execute()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	if exit := (helm.CommandError{}); errors.As(err, &exit) {
		os.Exit(exit.ExitCode)
	}
	if err != nil {
		os.Exit(1)
	}
}
