module completions {

  def "nu-complete kubectl-trainer color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer disable_compression" [] {
    [ "true" "false" ]
  }

  # Check a Kubeflow Trainer v2 installation, see what it offers, and read what its jobs say
  export extern kubectl-trainer [
    --color: string@"nu-complete kubectl-trainer color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    --version(-V)             # Print version
  ]

  def "nu-complete kubectl-trainer verify output" [] {
    [ "table" "json" "yaml" "junit" ]
  }

  def "nu-complete kubectl-trainer verify color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer verify insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer verify disable_compression" [] {
    [ "true" "false" ]
  }

  # Check that Kubeflow Trainer is installed and working
  export extern "kubectl-trainer verify" [
    --output(-o): string@"nu-complete kubectl-trainer verify output" # Format of the report
    --wait: string            # Try failed checks again for as long as this, such as 90s or 5m
    --only: string            # Only this check and what it requires; may be repeated, or a list with commas
    --skip: string            # Not this check; may be repeated, or a list with commas
    --strict                  # Warnings count as failures
    --pre                     # Check, before anything is installed, whether a release can be installed on this cluster, by you
    --service-account: string # Whether this service account may train, not you; also NAMESPACE/NAME
    --deep                    # Also make a real training on two nodes in the namespace of -n, follow it to its end, and remove it
    --deep-runtime: string    # The runtime of that training; without it torch-distributed, or another of nodes alone
    --deep-image: string      # Its image, in which a shell is enough; without it the runtime's own
    --deep-timeout: string    # How long it may take; where images are large, the first time takes longer
    --color: string@"nu-complete kubectl-trainer verify color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer verify insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer verify disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer logs timestamps" [] {
    [ "full" "short" ]
  }

  def "nu-complete kubectl-trainer logs output" [] {
    [ "text" "json" "raw" ]
  }

  def "nu-complete kubectl-trainer logs progress" [] {
    [ "auto" "tty" "plain" "json" "none" ]
  }

  def "nu-complete kubectl-trainer logs color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer logs insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer logs disable_compression" [] {
    [ "true" "false" ]
  }

  # Show the log lines of every node of a TrainJob
  export extern "kubectl-trainer logs" [
    --follow(-f)              # Follow until the job is over
    --tail: string            # Only the last lines of each container that runs already; -1 means all
    --since: string           # Only lines younger than this, such as 90s or 2h
    --since-time: string      # Only lines since this moment, such as 2026-11-21T11:55:00Z
    --previous(-p)            # Also the attempt before the present one of each container
    --step: string            # Only this step, such as dataset-initializer, node-0 or node; may be repeated, or a list with commas
    --node: string            # Only this node, by its number; may be repeated, or a list with commas
    --container(-c): string   # Only containers whose name matches
    --exclude-container(-E): string # Not containers whose name matches
    --all-containers          # Also sidecars, and pods that only serve the others
    --init-containers         # Also init containers
    --include(-i): string     # Only lines that match; may be repeated: one match is enough
    --exclude(-e): string     # Not lines that match; may be repeated
    --highlight(-H): string   # Let stand out what matches; may be repeated
    --merge: string           # Sort the lines of all nodes by time; with -f, as far as they come within this time of each other
    --timestamps(-t): string@"nu-complete kubectl-trainer logs timestamps" # When each line was written, in UTC: full, or short without year and fraction
    --output(-o): string@"nu-complete kubectl-trainer logs output" # Format: text, json (one object a line), or raw (the lines and nothing else)
    --only-log-lines          # Nothing beside lines but where some may be missing, and errors
    --save: path              # Save all that is read in this new folder: for each node its bytes, and an index
    --from: path              # Show what --save has saved, without a cluster
    --buffer: string          # What may wait on disk while the terminal does not take it, such as 1GiB; the default is 256MiB
    --strict                  # End with 1 where lines may be missing
    --progress: string@"nu-complete kubectl-trainer logs progress" # How far a job is that is followed: bars on a terminal and lines elsewhere (auto), tty, plain, json events, or none
    --no-follow
    --max-log-requests: string
    --ignore-errors
    --all-pods
    --prefix
    --color: string@"nu-complete kubectl-trainer logs color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer logs insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer logs disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    job?: string              # TrainJob: its name, the beginning of it, trainjob/NAME, or @last; without one, the only job of the namespace
  ]

  def "nu-complete kubectl-trainer tail timestamps" [] {
    [ "full" "short" ]
  }

  def "nu-complete kubectl-trainer tail output" [] {
    [ "text" "json" "raw" ]
  }

  def "nu-complete kubectl-trainer tail progress" [] {
    [ "auto" "tty" "plain" "json" "none" ]
  }

  def "nu-complete kubectl-trainer tail color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer tail insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer tail disable_compression" [] {
    [ "true" "false" ]
  }

  # Follow the log lines of every node: the same as logs --follow
  export extern "kubectl-trainer tail" [
    --follow(-f)              # Follow until the job is over
    --tail: string            # Only the last lines of each container that runs already; -1 means all
    --since: string           # Only lines younger than this, such as 90s or 2h
    --since-time: string      # Only lines since this moment, such as 2026-11-21T11:55:00Z
    --previous(-p)            # Also the attempt before the present one of each container
    --step: string            # Only this step, such as dataset-initializer, node-0 or node; may be repeated, or a list with commas
    --node: string            # Only this node, by its number; may be repeated, or a list with commas
    --container(-c): string   # Only containers whose name matches
    --exclude-container(-E): string # Not containers whose name matches
    --all-containers          # Also sidecars, and pods that only serve the others
    --init-containers         # Also init containers
    --include(-i): string     # Only lines that match; may be repeated: one match is enough
    --exclude(-e): string     # Not lines that match; may be repeated
    --highlight(-H): string   # Let stand out what matches; may be repeated
    --merge: string           # Sort the lines of all nodes by time; with -f, as far as they come within this time of each other
    --timestamps(-t): string@"nu-complete kubectl-trainer tail timestamps" # When each line was written, in UTC: full, or short without year and fraction
    --output(-o): string@"nu-complete kubectl-trainer tail output" # Format: text, json (one object a line), or raw (the lines and nothing else)
    --only-log-lines          # Nothing beside lines but where some may be missing, and errors
    --save: path              # Save all that is read in this new folder: for each node its bytes, and an index
    --from: path              # Show what --save has saved, without a cluster
    --buffer: string          # What may wait on disk while the terminal does not take it, such as 1GiB; the default is 256MiB
    --strict                  # End with 1 where lines may be missing
    --progress: string@"nu-complete kubectl-trainer tail progress" # How far a job is that is followed: bars on a terminal and lines elsewhere (auto), tty, plain, json events, or none
    --no-follow
    --max-log-requests: string
    --ignore-errors
    --all-pods
    --prefix
    --color: string@"nu-complete kubectl-trainer tail color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer tail insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer tail disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    job?: string              # TrainJob: its name, the beginning of it, trainjob/NAME, or @last; without one, the only job of the namespace
  ]

  def "nu-complete kubectl-trainer progress output" [] {
    [ "table" "json" "yaml" ]
  }

  def "nu-complete kubectl-trainer progress progress" [] {
    [ "auto" "tty" "plain" "json" "none" ]
  }

  def "nu-complete kubectl-trainer progress color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer progress insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer progress disable_compression" [] {
    [ "true" "false" ]
  }

  # Show how far TrainJobs are
  export extern "kubectl-trainer progress" [
    --watch(-w)               # Follow one job until it is over
    --all-namespaces(-A)      # The jobs of all namespaces, as a table
    --output(-o): string@"nu-complete kubectl-trainer progress output" # Another format; json and yaml have all that is known, json with -w an object for each change
    --progress: string@"nu-complete kubectl-trainer progress progress" # How far a job is that is followed: bars on a terminal and lines elsewhere (auto), tty, plain, json events, or none
    --color: string@"nu-complete kubectl-trainer progress color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer progress insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer progress disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    job?: string              # TrainJob: its name, the beginning of it, trainjob/NAME, or @last; without one, all of the namespace
  ]

  def "nu-complete kubectl-trainer runtimes color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer runtimes insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer runtimes disable_compression" [] {
    [ "true" "false" ]
  }

  # Show the training runtimes: the recipes that TrainJobs name
  export extern "kubectl-trainer runtimes" [
    --color: string@"nu-complete kubectl-trainer runtimes color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer runtimes insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer runtimes disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer runtimes list output" [] {
    [ "wide" "json" "yaml" "name" ]
  }

  def "nu-complete kubectl-trainer runtimes list color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer runtimes list insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer runtimes list disable_compression" [] {
    [ "true" "false" ]
  }

  # List the runtimes of the cluster and of the namespace
  export extern "kubectl-trainer runtimes list" [
    --all-namespaces(-A)      # The runtimes of all namespaces
    --selector(-l): string    # Only runtimes with these labels, such as trainer.kubeflow.org/framework=torch
    --output(-o): string@"nu-complete kubectl-trainer runtimes list output" # Another format; json and yaml print whole objects, as kubectl does
    --color: string@"nu-complete kubectl-trainer runtimes list color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer runtimes list insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer runtimes list disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer runtimes show output" [] {
    [ "json" "yaml" "name" ]
  }

  def "nu-complete kubectl-trainer runtimes show color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer runtimes show insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer runtimes show disable_compression" [] {
    [ "true" "false" ]
  }

  # Show one runtime in detail: policy, jobs, containers, resources, volumes
  export extern "kubectl-trainer runtimes show" [
    --output(-o): string@"nu-complete kubectl-trainer runtimes show output" # Another format; json and yaml print the whole object, as kubectl does
    --color: string@"nu-complete kubectl-trainer runtimes show color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer runtimes show insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer runtimes show disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    name: string              # Name, or KIND/NAME where a cluster and a namespace have the same name
  ]

  def "nu-complete kubectl-trainer bootstrap dry_run" [] {
    [ "client" "server" ]
  }

  def "nu-complete kubectl-trainer bootstrap output" [] {
    [ "json" "yaml" ]
  }

  def "nu-complete kubectl-trainer bootstrap color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer bootstrap insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer bootstrap disable_compression" [] {
    [ "true" "false" ]
  }

  # Make a namespace ready for training, with just enough rights for somebody
  export extern "kubectl-trainer bootstrap" [
    --persona: string         # What the rights are for: viewer, submitter (without it), ci, admin, system, or user-code, which has none
    --service-account: string # Who gets them; also NAMESPACE/NAME. Without it an account of the persona's name, such as trainer-submitter; may be repeated
    --for-user: string        # A person who gets them, under the name that the API server knows; may be repeated
    --for-group: string       # A group whose members get them; may be repeated
    --logs                    # A viewer reads logs too: they may hold secrets
    --core-only               # Leave out the rights that only tell why a job waits, such as those on queues
    --namespaced-only         # Do not ask who may read the cluster's runtimes, and grant nothing in the cluster
    --quota: string           # What the namespace may have in all, such as trainjobs=10,requests.cpu=64,requests.nvidia.com/gpu=8
    --limits: string          # What a container gets that does not say what it needs, such as cpu=1,memory=2Gi
    --two-tier                # Two accounts: one for a platform's own components, and one without rights for training code
    --system-service-account: string # The platform's account; as NAMESPACE/NAME in a namespace of its own. Without it trainer-system
    --code-service-account: string # The account of training code; without it trainer-user-code
    --code-secret: string     # A Secret that training code may use in two tiers; may be repeated
    --file(-f): path          # In the end, write a kubeconfig that logs in as the service account
    --force                   # Replace a file that is there
    --test-run                # In the end, log in as the service account with a new credential and nothing else, and make a real training on two nodes, which is followed to its end and removed: kubectl trainer verify --deep
    --deep-runtime: string    # The runtime of that training; without it torch-distributed, or another of nodes alone
    --deep-image: string      # Its image, in which a shell is enough; without it the runtime's own
    --deep-timeout: string    # How long it may take; where images are large, the first time takes longer
    --dry-run: string@"nu-complete kubectl-trainer bootstrap dry_run" # Change nothing: client only lists the objects, server asks the cluster what would become of each
    --diff                    # Show every field that would change, and change nothing
    --export                  # Print the objects as YAML, without asking the cluster, and change nothing
    --output(-o): string@"nu-complete kubectl-trainer bootstrap output" # Another format, with every object and what became of it
    --color: string@"nu-complete kubectl-trainer bootstrap color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer bootstrap insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer bootstrap disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    named?: string            # The namespace; without it, that of the context
  ]

  def "nu-complete kubectl-trainer access color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer access insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer access disable_compression" [] {
    [ "true" "false" ]
  }

  # Give service accounts credentials, see which are out, and take them back
  export extern "kubectl-trainer access" [
    --color: string@"nu-complete kubectl-trainer access color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer access insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer access disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer access token token_type" [] {
    [ "request" "secret" ]
  }

  def "nu-complete kubectl-trainer access token output" [] {
    [ "token" "json" "exec-credential" ]
  }

  def "nu-complete kubectl-trainer access token color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer access token insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer access token disable_compression" [] {
    [ "true" "false" ]
  }

  # Print a token of a service account
  export extern "kubectl-trainer access token" [
    --duration: string        # How long the token shall live, at least 10m; without it 8h, and 1h for the persona ci. The server may grant less
    --long-lived              # Allow more than 24h: whoever finds such a token can use it for as long
    --token-type: string@"nu-complete kubectl-trainer access token token_type" # secret: a token that never expires, which the cluster puts into a Secret; for where tokens may not be requested
    --audience: string        # Whom the token is for, in place of the API server; may be repeated
    --credential: string      # Bind the token to this Secret of an earlier credential, and write nothing: for entries that renew themselves
    --output(-o): string@"nu-complete kubectl-trainer access token output" # json has the token too; exec-credential is what kubeconfigs expect of a program that logs in
    --color: string@"nu-complete kubectl-trainer access token color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer access token insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer access token disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    account?: string          # Service account; without it, the only one of the namespace that has a grant
  ]

  def "nu-complete kubectl-trainer access kubeconfig token_type" [] {
    [ "request" "secret" ]
  }

  def "nu-complete kubectl-trainer access kubeconfig report" [] {
    [ "json" ]
  }

  def "nu-complete kubectl-trainer access kubeconfig color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer access kubeconfig insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer access kubeconfig disable_compression" [] {
    [ "true" "false" ]
  }

  # Write a kubeconfig that logs in as a service account and as nobody else
  export extern "kubectl-trainer access kubeconfig" [
    --duration: string        # How long the token shall live, at least 10m; without it 8h, and 1h for the persona ci. The server may grant less
    --long-lived              # Allow more than 24h: whoever finds such a token can use it for as long
    --token-type: string@"nu-complete kubectl-trainer access kubeconfig token_type" # secret: a token that never expires, which the cluster puts into a Secret; for where tokens may not be requested
    --file(-f): path          # File to write, readable by you alone; `-` writes to standard output, also on a terminal
    --force                   # Replace files that are there
    --advertise-server: string # Address to write, where the one that you use yourself is not reached by others; the authority stays
    --exec                    # In place of a token, an entry that fetches one whenever it is needed, with your own login, through kubectl-trainer: for people, on this machine
    --output(-o): string@"nu-complete kubectl-trainer access kubeconfig report" # json: tell on standard output what was made, without the token
    --color: string@"nu-complete kubectl-trainer access kubeconfig color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer access kubeconfig insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer access kubeconfig disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    account?: string          # Service account; without it, the only one of the namespace that has a grant
  ]

  def "nu-complete kubectl-trainer access env token_type" [] {
    [ "request" "secret" ]
  }

  def "nu-complete kubectl-trainer access env format" [] {
    [ "env" "python" "json" ]
  }

  def "nu-complete kubectl-trainer access env color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer access env insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer access env disable_compression" [] {
    [ "true" "false" ]
  }

  # Write an env file for the Kubeflow SDK, or the Python that reads it
  export extern "kubectl-trainer access env" [
    --duration: string        # How long the token shall live, at least 10m; without it 8h, and 1h for the persona ci. The server may grant less
    --long-lived              # Allow more than 24h: whoever finds such a token can use it for as long
    --token-type: string@"nu-complete kubectl-trainer access env token_type" # secret: a token that never expires, which the cluster puts into a Secret; for where tokens may not be requested
    --file(-f): path          # File to write, readable by you alone; `-` writes to standard output, also on a terminal
    --force                   # Replace files that are there
    --advertise-server: string # Address to write, where the one that you use yourself is not reached by others; the authority stays
    --output(-o): string@"nu-complete kubectl-trainer access env format" # python: print the Python that reads the variables; json: tell on standard output what was made, without the token
    --color: string@"nu-complete kubectl-trainer access env color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer access env insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer access env disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    account?: string          # Service account; without it, the only one of the namespace that has a grant
  ]

  def "nu-complete kubectl-trainer access list output" [] {
    [ "json" ]
  }

  def "nu-complete kubectl-trainer access list color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer access list insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer access list disable_compression" [] {
    [ "true" "false" ]
  }

  # List what was granted and which credentials are out
  export extern "kubectl-trainer access list" [
    --all-namespaces(-A)      # The access to all namespaces
    --output(-o): string@"nu-complete kubectl-trainer access list output" # json: one document, with every id and time in full
    --color: string@"nu-complete kubectl-trainer access list color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer access list insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer access list disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer access rotate color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer access rotate insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer access rotate disable_compression" [] {
    [ "true" "false" ]
  }

  # Replace the credential in a file by a new one, and take the old one back
  export extern "kubectl-trainer access rotate" [
    --file(-f): path          # A kubeconfig or env file with one token that kubectl-trainer made
    --overlap: string         # How long the old credential lives on; 0 takes it back at once
    --duration: string        # How long the new token shall live; without it as long as the old one did
    --color: string@"nu-complete kubectl-trainer access rotate color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer access rotate insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer access rotate disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer access diff color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer access diff insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer access diff disable_compression" [] {
    [ "true" "false" ]
  }

  # Show what differs between what was granted in a namespace and what would be granted now
  export extern "kubectl-trainer access diff" [
    --color: string@"nu-complete kubectl-trainer access diff color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer access diff insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer access diff disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer access verify output" [] {
    [ "table" "json" "yaml" "junit" ]
  }

  def "nu-complete kubectl-trainer access verify color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer access verify insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer access verify disable_compression" [] {
    [ "true" "false" ]
  }

  # Prove what a credential logs in as, what it may, and what it may not
  export extern "kubectl-trainer access verify" [
    --service-account: string # Act as this account in place of logging in; also NAMESPACE/NAME
    --persona: string         # What the account is for, where neither labels nor names tell: viewer, submitter, ci, admin, system or user-code
    --output(-o): string@"nu-complete kubectl-trainer access verify output" # Format of the report
    --color: string@"nu-complete kubectl-trainer access verify color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer access verify insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer access verify disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    account?: string          # Make a token of this account and verify that; without it, the kubeconfig itself is verified
  ]

  def "nu-complete kubectl-trainer access why output" [] {
    [ "json" ]
  }

  def "nu-complete kubectl-trainer access why color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer access why insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer access why disable_compression" [] {
    [ "true" "false" ]
  }

  # Tell whether somebody may do something, and why, or what is missing
  export extern "kubectl-trainer access why" [
    --service-account: string # Whether this account may; also NAMESPACE/NAME
    --all-namespaces(-A)      # In all namespaces
    --output(-o): string@"nu-complete kubectl-trainer access why output" # json: one document, with all that was found
    --color: string@"nu-complete kubectl-trainer access why color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer access why insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer access why disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    verb: string              # Such as get, list, create, patch or delete
    resource: string          # As kubectl takes it: trainjobs, trainjob, deployments.apps, pods/log
    name?: string             # One object; without it, all
  ]

  def "nu-complete kubectl-trainer access install-roles dry_run" [] {
    [ "client" "server" ]
  }

  def "nu-complete kubectl-trainer access install-roles output" [] {
    [ "json" "yaml" ]
  }

  def "nu-complete kubectl-trainer access install-roles color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer access install-roles insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer access install-roles disable_compression" [] {
    [ "true" "false" ]
  }

  # Install the cluster's roles for training, once
  export extern "kubectl-trainer access install-roles" [
    --aggregate: string       # Whose holders get these rights too; may be repeated, or a list with commas
    --dry-run: string@"nu-complete kubectl-trainer access install-roles dry_run" # Change nothing: client only lists the objects, server asks the cluster what would become of each
    --diff                    # Show every field that would change, and change nothing
    --export                  # Print the objects as YAML, without asking the cluster, and change nothing
    --output(-o): string@"nu-complete kubectl-trainer access install-roles output" # Another format, with every object and what became of it
    --color: string@"nu-complete kubectl-trainer access install-roles color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer access install-roles insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer access install-roles disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer access revoke color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer access revoke insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer access revoke disable_compression" [] {
    [ "true" "false" ]
  }

  # Take back credentials, or all that was granted to a service account
  export extern "kubectl-trainer access revoke" [
    --service-account: string # All credentials of this service account
    --grant                   # Also what was granted to it, and the account itself where kubectl-trainer made it
    --expired                 # Clear away the Secrets of credentials that have ended
    --yes(-y)                 # Do not ask
    --color: string@"nu-complete kubectl-trainer access revoke color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer access revoke insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer access revoke disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    ...credentials: string    # Credentials as `access list` shows them; the beginning of an id is enough
  ]

  def "nu-complete kubectl-trainer explain color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer explain insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer explain disable_compression" [] {
    [ "true" "false" ]
  }

  # Explain a check or a reason: what is looked at, why it matters, and how to mend it
  export extern "kubectl-trainer explain" [
    --color: string@"nu-complete kubectl-trainer explain color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer explain insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer explain disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
    id?: string               # The check's ID or the reason's code, as `verify` shows them
  ]

  def "nu-complete kubectl-trainer completion color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer completion insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer completion disable_compression" [] {
    [ "true" "false" ]
  }

  # Complete words with TAB: through kubectl, or with a script for your shell
  export extern "kubectl-trainer completion" [
    --color: string@"nu-complete kubectl-trainer completion color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer completion insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer completion disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer completion install color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer completion install insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer completion install disable_compression" [] {
    [ "true" "false" ]
  }

  # Make TAB work behind kubectl: puts the file beside the plugin, or into another folder of the PATH
  export extern "kubectl-trainer completion install" [
    --folder: path            # Folder of the PATH to put the file into; without it, the plugin's own where that can be written
    --force                   # Replace a file of that name which something else has made
    --color: string@"nu-complete kubectl-trainer completion install color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer completion install insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer completion install disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer completion uninstall color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer completion uninstall insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer completion uninstall disable_compression" [] {
    [ "true" "false" ]
  }

  # Remove what install has made
  export extern "kubectl-trainer completion uninstall" [
    --color: string@"nu-complete kubectl-trainer completion uninstall color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer completion uninstall insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer completion uninstall disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer completion status color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer completion status insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer completion status disable_compression" [] {
    [ "true" "false" ]
  }

  # Tell whether TAB works behind kubectl, and if not, why
  export extern "kubectl-trainer completion status" [
    --color: string@"nu-complete kubectl-trainer completion status color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer completion status insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer completion status disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer completion bash color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer completion bash insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer completion bash disable_compression" [] {
    [ "true" "false" ]
  }

  # Print the script for bash, for calling the plugin by its own name
  export extern "kubectl-trainer completion bash" [
    --color: string@"nu-complete kubectl-trainer completion bash color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer completion bash insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer completion bash disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer completion zsh color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer completion zsh insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer completion zsh disable_compression" [] {
    [ "true" "false" ]
  }

  # Print the script for zsh
  export extern "kubectl-trainer completion zsh" [
    --color: string@"nu-complete kubectl-trainer completion zsh color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer completion zsh insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer completion zsh disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer completion fish color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer completion fish insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer completion fish disable_compression" [] {
    [ "true" "false" ]
  }

  # Print the script for fish
  export extern "kubectl-trainer completion fish" [
    --color: string@"nu-complete kubectl-trainer completion fish color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer completion fish insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer completion fish disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer completion powershell color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer completion powershell insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer completion powershell disable_compression" [] {
    [ "true" "false" ]
  }

  # Print the script for PowerShell
  export extern "kubectl-trainer completion powershell" [
    --color: string@"nu-complete kubectl-trainer completion powershell color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer completion powershell insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer completion powershell disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer completion elvish color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer completion elvish insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer completion elvish disable_compression" [] {
    [ "true" "false" ]
  }

  # Print the script for elvish
  export extern "kubectl-trainer completion elvish" [
    --color: string@"nu-complete kubectl-trainer completion elvish color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer completion elvish insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer completion elvish disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer completion nushell color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer completion nushell insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer completion nushell disable_compression" [] {
    [ "true" "false" ]
  }

  # Print the script for nushell
  export extern "kubectl-trainer completion nushell" [
    --color: string@"nu-complete kubectl-trainer completion nushell color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer completion nushell insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer completion nushell disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kubectl-trainer version output" [] {
    [ "json" "yaml" ]
  }

  def "nu-complete kubectl-trainer version color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete kubectl-trainer version insecure_skip_tls_verify" [] {
    [ "true" "false" ]
  }

  def "nu-complete kubectl-trainer version disable_compression" [] {
    [ "true" "false" ]
  }

  # Show the versions of the plugin, of Kubernetes and of Kubeflow Trainer
  export extern "kubectl-trainer version" [
    --client                  # Only the plugin's own version; no cluster is asked
    --output(-o): string@"nu-complete kubectl-trainer version output" # Another format
    --color: string@"nu-complete kubectl-trainer version color" # Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    --quiet(-q)               # Only answers and errors
    --v(-v): string           # Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets
    --namespace(-n): string   # Namespace; without it, the context's, else `default`
    --context: string         # Context of the kubeconfig; several for verify, runtimes list and access kubeconfig
    --kubeconfig: path        # The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config
    --cluster: string         # Cluster of the kubeconfig
    --user: string            # User of the kubeconfig
    --server(-s): string      # URL of the API server
    --tls-server-name: string # Name that the server's certificate must have
    --insecure-skip-tls-verify: string@"nu-complete kubectl-trainer version insecure_skip_tls_verify" # Do not check the server's certificate; the connection is then not safe
    --certificate-authority: path # PEM file of the authority that signed the server's certificate
    --client-certificate: path # PEM file of the client certificate
    --client-key: path        # PEM file of the client certificate's key
    --token: string           # Bearer token
    --username: string        # User name for basic authentication
    --password: string        # Password for basic authentication
    --as: string              # Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)
    --as-group: string        # Act as a member of this group; may be repeated
    --as-uid: string          # Act as the user with this UID
    --as-user-extra: string   # Act with this extra attribute; may be repeated
    --request-timeout: string # Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s of it
    --disable-compression: string@"nu-complete kubectl-trainer version disable_compression" # Do not ask the server to compress its answers
    --cache-dir: path         # Accepted and ignored: the plugin keeps no cache
    --help(-h)                # Print help (see more with '--help')
  ]

}

export use completions *
