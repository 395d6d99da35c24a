import type { Completion, Word } from './completion.ts';

/** A completion for fish: `holdfast.fish` in a folder of `fish_complete_path`. */
export function fishCompletion({ steps, values, places }: Completion): string {
  const list = (words: readonly Word[]): string =>
    words.map(({ text, description }) => quoted(description === '' ? text : `${text}\t${description}`)).join(' ');
  const known = values.filter(({ choices }) => choices.length > 0);
  const files = values.filter(({ choices }) => choices.length === 0).flatMap(({ behind }) => behind);
  return `# fish completion for holdfast, made by holdfast generate

function __holdfast_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l at holdfast
    for word in $before[2..-1]
        switch "$at $word"
${steps.map(({ seen, at }) => `            case ${seen.map(quoted).join(' ')}\n                set at ${quoted(at)}`).join('\n')}
        end
    end
    switch "$at:$before[-1]"
${known.map(({ behind, choices }) => `        case ${behind.map(quoted).join(' ')}\n            printf '%s\\n' ${choices.map(quoted).join(' ')}\n            return`).join('\n')}
        case ${files.map(quoted).join(' ')}
            __fish_complete_path $current
            return
    end
    set -l words
    set -l options
    switch $at
${places.map(({ at, words, options }) => `        case ${quoted(at)}\n            set words ${list(words)}\n            set options ${list(options)}`).join('\n')}
    end
    if string match -q -- '-*' $current
        printf '%s\\n' $options
    else if set -q words[1]
        printf '%s\\n' $words
    else
        __fish_complete_path $current
    end
end

complete -c holdfast -f -a '(__holdfast_complete)'
`;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
