import { hostRenderer, type Opening } from './host-renderer.ts';
import { multiports } from './multiport.ts';
import { ruleComment } from './safe-text.ts';

/** More would only make `ufw status` unreadable. */
const commentCharacters = 200;
/** What all our rules are found by. */
const mark = "comment 'holdfast: ";

// Of two lists in the words of `ufw show added`, with an empty line between, what only the second has; $1 does not count.
const onlySecond = [
  'only_second() {',
  `  awk -v ignored="$1" '`,
  '    { rule = $0; sub(ignored, "", rule) }',
  "    !second && /^$/ { second = 1; next } !second { known[rule] = 1; next } !(rule in known)'",
  '}',
];
// A rule that somebody else has made already stays theirs, and what takes ours away leaves it.
const addMissing = `{ ufw show added; echo; wanted; } | only_second " comment .*" | sed 's|$| </dev/null|' | sh -e`;
/** Those of an earlier plan. */
const deleteOthers = [
  `{ wanted; echo; ufw show added | grep "${mark}" || :; } | only_second "" |`,
  `  sed "s/^ufw /ufw delete /; s| comment '.*| </dev/null|" | sh -e`,
];

/**
 * Commands for ufw: our rules are told from others by the start of their comments. Established connections, loopback and the
 * ICMP that IP needs are in the rules that ufw itself brings.
 */
export const ufw = hostRenderer({
  id: 'ufw',
  title: 'ufw',
  verifiedBy:
    'run by ufw, which loads the rules into the kernel of a network namespace, with traffic that passes and traffic that is dropped',
  extension: 'sh',
  apply: ({ heading, openings, drop }) =>
    script(
      `# ${heading}`,
      '# Applied with `sh FILE`; again changes nothing. It takes effect as soon as ufw is enabled.',
      'set -eu',
      ...onlySecond,
      ...wanted(openings),
      // In this order: a rule that ufw puts in other words than we is made anew each time, instead of being lost.
      ...deleteOthers,
      addMissing,
      ...(drop ? ['ufw default deny incoming', 'ufw default deny outgoing'] : []),
    ),
  remove: ({ heading, drop }) =>
    script(
      `# ${heading} Takes them away.`,
      'set -eu',
      ...onlySecond,
      ...wanted([]),
      ...deleteOthers,
      // Without our rules nothing could leave; this is how ufw is installed.
      ...(drop ? ['ufw default allow outgoing'] : []),
    ),
});

function script(...lines: readonly string[]): string {
  return `${['#!/bin/sh', ...lines].join('\n')}\n`;
}

function wanted(openings: readonly Opening[]): readonly string[] {
  const comments = new Map<string, string>();
  // For ufw a rule with another comment is the same rule: the first one decides.
  for (const opening of openings)
    for (const rule of openingRules(opening))
      if (!comments.has(rule)) comments.set(rule, `${mark}${ruleComment(opening.flow, commentCharacters)}'`);
  const lines = [...comments].map(([rule, comment]) => `${rule} ${comment}`);
  return ['wanted() {', "  cat <<'END_OF_RULES'", ...lines, 'END_OF_RULES', '}'];
}

/** In the words of `ufw show added`, without the comment. */
function openingRules({ direction, transport, ports, peers }: Opening): readonly string[] {
  const allow = direction === 'in' ? 'ufw allow' : 'ufw allow out';
  const groups = multiports(ports);
  if (peers.any) return groups.map((group) => `${allow} ${group}/${transport}`);
  return [...peers.ipv4, ...peers.ipv6].flatMap((address) => {
    const end = direction === 'in' ? `from ${address} to any` : `to ${address}`;
    return groups.map((group) => `${allow} ${end} port ${group} proto ${transport}`);
  });
}
