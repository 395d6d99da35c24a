import { createHash } from 'node:crypto';
import { securityHeaders } from '@holdfast/wire';

/** Text that is HTML already. */
class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type { Html };

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Whatever is put in is escaped, but what came from here. */
export function html(parts: TemplateStringsArray, ...values: readonly (string | Html | readonly Html[])[]): Html {
  const texts = values.map((value) => {
    if (typeof value === 'string') return value.replaceAll(/[&<>"']/g, (letter) => entities[letter] ?? '');
    return value instanceof Html ? value.text : value.map(({ text }) => text).join('');
  });
  return new Html(String.raw({ raw: parts }, ...texts));
}

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem;color:#1c2430}
h1{font-size:1.4rem}label{display:block;margin:1rem 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.4rem}
button{font:inherit;padding:.4rem 1rem;margin-right:.5rem}code{font-size:1.4rem;letter-spacing:.1em}.problem{color:#a3161a}`;
const styleHash = createHash('sha256').update(style, 'utf8').digest('base64');

/** A whole page. It runs no script but that of a passkey, which is a file of ours. */
export function page(o: { title: string; problem?: string | undefined; body: Html }): string {
  const problem = o.problem === undefined ? html`` : html`<p class="problem" role="alert">${o.problem}</p>`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${o.title}</title><style>${new Html(style)}</style></head>
<body><main><h1>${o.title}</h1>${problem}${o.body}</main></body></html>
`.text;
}

/**
 * Headers of a page. `formTarget`: where a browser may be sent after a form, besides this server (`form-action` holds for the
 * redirections after it as well). The referrer stays here, so that forms say from where they come.
 */
export function pageHeaders(o: { formTarget?: string | undefined; script?: boolean } = {}): Record<string, string> {
  return {
    ...securityHeaders,
    'content-security-policy': [
      "default-src 'none'",
      `style-src 'sha256-${styleHash}'`,
      ...(o.script ? ["script-src 'self'"] : []),
      `form-action 'self'${o.formTarget === undefined ? '' : ` ${o.formTarget}`}`,
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ].join('; '),
    'referrer-policy': 'same-origin',
    'content-type': 'text/html; charset=utf-8',
  };
}

/** Of a redirect URI, for `form-action`: its origin, or the scheme of a program's own. */
export function formTargetOf(redirectUri: string | undefined): string | undefined {
  const url = redirectUri === undefined ? null : URL.parse(redirectUri);
  if (!url) return undefined;
  return url.origin === 'null' ? url.protocol : url.origin;
}
