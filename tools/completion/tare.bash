# Completion of tare in bash. What there is to choose from is what the command says
# itself: tare --help=words.

# _tare_words: what the subcommand takes; of an action with flags of its own, those.
_tare_words() {
    local words=
    if [[ $COMP_CWORD -gt 2 && ${COMP_WORDS[2]} =~ ^[a-z][a-z-]*$ ]]; then
        words=$("${COMP_WORDS[0]}" "${COMP_WORDS[1]}" "${COMP_WORDS[2]}" --help=words 2>/dev/null)
    fi
    [[ $words ]] || words=$("${COMP_WORDS[0]}" "${COMP_WORDS[1]}" --help=words 2>/dev/null)
    printf '%s\n' "$words"
}

# _tare_value FLAG= WORD: fills COMPREPLY with values of the flag that begin with WORD.
_tare_value() {
    local flag=$1 word=$2 values part=
    values=$(_tare_words | sed -n "s/^$flag\t//p")
    compopt -o nospace 2>/dev/null
    # of a list, the last part
    if [[ $word == *,* && $values == *,* ]]; then
        part=${word%,*},
        word=${word##*,}
    fi
    case $values in
        *FILE* | *MODEL* | *OUT* | *DIR* | *PATH* | *IMAGES* | *ENGINE* | *LIBRARY* | *.h5* | *.onnx*)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -P "$part" -f -- "$word")
            ;;
        *'|'*)
            mapfile -t COMPREPLY < <(compgen -P "$part" -W "${values//|/ }" -- "$word")
            ;;
    esac
}

_tare() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        words=$("${COMP_WORDS[0]}" --help=words 2>/dev/null | cut -f 1)
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
        return
    fi
    # bash takes "--isa=v" for three words
    if [[ $word == = ]]; then
        _tare_value "$before=" ''
    elif [[ $before == = && $COMP_CWORD -ge 3 ]]; then
        _tare_value "${COMP_WORDS[COMP_CWORD - 2]}=" "$word"
    elif [[ $word == --*=* ]]; then
        _tare_value "${word%%=*}=" "${word#*=}"
    else
        words=$(_tare_words | cut -f 1)
        [[ $COMP_CWORD -eq 2 ]] || words=$(grep -e '^--' <<<"$words")
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
        [[ ${COMPREPLY[*]} != *= ]] || compopt -o nospace 2>/dev/null
        if [[ ${#COMPREPLY[@]} -eq 0 ]]; then
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi
    fi
}
complete -F _tare tare
