import { type Completion, quoted, type Word } from './completion.ts';

/** A completion for bash 4 or newer: `source` it, or put it into the folder of bash-completion. */
export function bashCompletion({ steps, values, places }: Completion): string {
  const list = (words: readonly Word[]): string => quoted(words.map(({ text }) => text).join(' '));
  const known = values.filter(({ choices }) => choices.length > 0);
  const files = values.filter(({ choices }) => choices.length === 0).flatMap(({ behind }) => behind);
  return `# bash completion for holdfast, made by holdfast generate

_holdfast() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} at=holdfast word= words= options=
  # bash takes --option=value apart.
  [[ $cur == = ]] && cur=
  [[ $prev == = ]] && prev=\${COMP_WORDS[COMP_CWORD - 2]}
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
${steps.map(({ seen, at }) => `      ${seen.map(quoted).join(' | ')}) at=${quoted(at)} ;;`).join('\n')}
    esac
  done
  case "$at:$prev" in
${known.map(({ behind, choices }) => `    ${behind.map(quoted).join(' | ')}) COMPREPLY=($(compgen -W ${quoted(choices.join(' '))} -- "$cur")); return ;;`).join('\n')}
    ${files.map(quoted).join(' | ')}) return ;;
  esac
  case "$at" in
${places.map(({ at, words, options }) => `    ${quoted(at)}) words=${list(words)} options=${list(options)} ;;`).join('\n')}
  esac
  [[ $cur == -* ]] && words=$options
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

# Where nothing is offered, files are.
complete -o default -F _holdfast holdfast
`;
}
