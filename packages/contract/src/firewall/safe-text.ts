import type { Flow } from '../plan/plan.ts';
import { digest } from './target-names.ts';

const unsafeRun = /[^A-Za-z0-9 ._:,/+=@-]+|-{2,}/g;
const hostName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const unsafeInPath = /[^a-z0-9.-]|^[.-]/g;
const stemCharacters = 60;

/**
 * The text with nothing in it that means something to any firewall's language, to a shell or to XML: host names, notes and
 * reasons come from the topology, and nobody must get a rule of their own in by them. At most `limit` characters.
 */
export function safeText(text: string, limit: number): string {
  const safe = text.replaceAll(unsafeRun, (run) => (run.startsWith('-') ? '-' : '_')).trim();
  return safe.length <= limit ? safe : `${safe.slice(0, limit - 3)}...`;
}

/**
 * A file name for a host: of the names that a topology may have, of which no two differ in case alone, the small letters. Any
 * other text is made safe, and has a digest of the whole.
 */
export function fileStem(name: string): string {
  if (hostName.test(name)) return name.toLowerCase();
  return `${name.replaceAll(unsafeInPath, '_').slice(0, stemCharacters) || 'host'}-${digest(name)}`;
}

/** What a rule's comment says: the channels behind the flow, as many as fit, or the administrator's reason. */
export function ruleComment(flow: Flow, limit: number): string {
  const { channels, reasons } = flow;
  if (channels.length === 0) return safeText(`administrator: ${reasons.join(', ')}`, limit);
  const everyId = channels.join(', ');
  if (everyId.length <= limit) return everyId;
  for (let kept = channels.length - 1; kept > 0; kept -= 1) {
    const text = `${channels.slice(0, kept).join(', ')} +${channels.length - kept}`;
    if (text.length <= limit) return text;
  }
  return safeText(everyId, limit);
}
