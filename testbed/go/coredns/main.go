// The test bed's name service: CoreDNS with the three plugins that it uses. The released program carries some
// fifty, and with them the clients of three clouds, which would triple its build.
package main

import (
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"

	"github.com/coredns/coredns/coremain"
)

func main() {
	coremain.Run()
}
