import { type Completion, quoted, type Word } from './completion.ts';

/** A completion for zsh: `_holdfast` in a folder of `fpath`, or `source` it after compinit. */
export function zshCompletion({ steps, values, places }: Completion): string {
  const list = (words: readonly Word[]): string =>
    words.map(({ text, description }) => quoted(description === '' ? text : `${text}:${description}`)).join(' ');
  const known = values.filter(({ choices }) => choices.length > 0);
  const files = values.filter(({ choices }) => choices.length === 0).flatMap(({ behind }) => behind);
  return `#compdef holdfast
compdef _holdfast holdfast

# zsh completion for holdfast, made by holdfast generate

_holdfast() {
  local word at=holdfast previous=\${words[CURRENT-1]}
  local -a offered flags
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
${steps.map(({ seen, at }) => `      (${seen.map(quoted).join('|')}) at=${quoted(at)} ;;`).join('\n')}
    esac
  done
  case "$at:$previous" in
${known.map(({ behind, choices }) => `    (${behind.map(quoted).join('|')}) offered=(${choices.map(quoted).join(' ')}); _describe value offered; return ;;`).join('\n')}
    (${files.map(quoted).join('|')}) _files; return ;;
  esac
  case "$at" in
${places.map(({ at, words, options }) => `    (${quoted(at)}) offered=(${list(words)}) flags=(${list(options)}) ;;`).join('\n')}
  esac
  if [[ $words[CURRENT] == -* ]]; then
    _describe -o option flags
  elif (( $#offered )); then
    _describe command offered
  else
    _files
  fi
}

# Not when it is sourced.
if [ "$funcstack[1]" = "_holdfast" ]; then
  _holdfast
fi
`;
}
