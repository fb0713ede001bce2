// Command etcd is upstream's server and nothing else: upstream's own main package lies in a module that cannot be
// installed by version, so this one calls the same function.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
