
set edit:completion:arg-completer[kubectl-trainer] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) KUBECTL_TRAINER_COMPLETE="elvish" kubectl-trainer -- $@words) | to-lines
}

