/** How pages of the console say that a request with the session's cookie is theirs. */

/** Only this server sets it, for itself alone and over TLS; no script can read it (RFC 6265bis, `__Host-`). */
export const sessionCookieName = '__Host-holdfast-session';

/** Another site's page can't send it: that would need a permission (CORS) that the server never gives. */
export const pageRequestHeader = 'x-holdfast-request';

/** `background`: the page asks by itself, which does not keep a session alive that nobody uses. */
export const pageRequests = ['person', 'background'] as const;
export type PageRequest = (typeof pageRequests)[number];
