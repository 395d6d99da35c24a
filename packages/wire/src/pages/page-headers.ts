import { securityHeaders } from '../security-headers.ts';

/** What of the browser no page of ours needs. */
const permissions = [
  ...['accelerometer', 'autoplay', 'camera', 'display-capture', 'geolocation', 'gyroscope', 'hid', 'microphone'],
  ...['midi', 'payment', 'screen-wake-lock', 'serial', 'usb', 'xr-spatial-tracking'],
].map((name) => `${name}=()`);

/**
 * Headers of a page: scripts and styles are files of ours, and nothing goes to another host. `styleNonce`: of the style
 * elements that its components make in the page; scripts have no such way. The referrer stays here, so that browsers say from
 * where a request comes.
 */
export function pageHeaders(styleNonce: string): Record<string, string> {
  return {
    ...securityHeaders,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      `style-src 'self' 'nonce-${styleNonce}'`,
      "img-src 'self' data:",
      "font-src 'self'",
      "connect-src 'self'",
      "manifest-src 'self'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      // No text becomes markup or a script's address but by the one policy that the pages make.
      "require-trusted-types-for 'script'",
      'trusted-types default',
    ].join('; '),
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': permissions.join(', '),
    'referrer-policy': 'same-origin',
  };
}
