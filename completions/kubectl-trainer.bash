# TAB for kubectl-trainer in bash, without kubectl. To be read with: . <(kubectl-trainer completion bash)

# Sets `plain` to what bash makes of a word as it is typed, and `quote` to a quote that is still open.
_kubectl_trainer_read() {
    local typed=$1 letter index
    plain='' quote=''
    for ((index = 0; index < ${#typed}; index++)); do
        letter=${typed:index:1}
        case $quote$letter in
        \'\' | \"\") quote='' ;;
        \' | \") quote=$letter ;;
        \\ | \"\\)
            ((++index))
            plain+=${typed:index:1}
            ;;
        *) plain+=$letter ;;
        esac
    done
}

# Sets `value` to how it has to stand on the line. Nothing that bash would run may get there.
_kubectl_trainer_write() {
    case $quote in
    '')
        case $value in
        *[!A-Za-z0-9_.,:=/@%+-]*) printf -v value %q "$value" ;;
        esac
        ;;
    \') [[ $value != *\'* ]] ;;
    *) [[ $value != *[\"\$\`\\!]* ]] ;;
    esac
}

_kubectl_trainer() {
    local rest=${COMP_LINE:0:COMP_POINT} words=() word='' head piece index answers=()
    local plain quote flag='' value='' bits=0
    # Bash cuts words at = and : too. What no blank parts is one word.
    for ((index = 0; index <= COMP_CWORD; index++)); do
        piece=${COMP_WORDS[index]}
        if [[ $index == 0 || $rest == [[:space:]]* ]]; then
            rest=${rest#"${rest%%[![:space:]]*}"}
            _kubectl_trainer_read "$word"
            words+=("$plain")
            word=''
        fi
        # Of the last piece, what stands behind the cursor is none of it.
        [[ $index == "$COMP_CWORD" ]] && piece=$rest
        rest=${rest#"$piece"}
        word+=$piece
    done
    # What bash writes anew is what it takes for the word; what stands before that stays.
    head=${word%"$2"}
    _kubectl_trainer_read "$head"
    head=$plain
    _kubectl_trainer_read "$word"
    [[ $plain == -*=* ]] && flag=${plain%%=*}=
    COMPREPLY=()
    while IFS= read -r value; do
        answers+=("$value")
    done < <(command kubectl-trainer __completeNoDesc "${words[@]:2}" "$plain" 2>/dev/null)
    # The last line says what to do with the others; a line that says something else is a word.
    ((${#answers[@]})) && value=${answers[${#answers[@]} - 1]}
    case $value in
    :[0-9] | :[0-9][0-9])
        bits=${value#:}
        unset "answers[${#answers[@]}-1]"
        ;;
    esac
    for value in "${answers[@]}"; do
        value=$flag$value
        value=${value#"$head"}
        _kubectl_trainer_write && COMPREPLY+=("$value")
    done
    ((bits & 2)) && compopt -o nospace
    ((bits & 16)) && compopt -o dirnames
    ((bits & 20)) || compopt -o default
} 2>/dev/null

complete -F _kubectl_trainer kubectl-trainer
