import type { DestinationOf } from '../configuration.ts';
import { postOutside } from './http.ts';
import { mailOf } from './mail.ts';
import { AccessTokens } from './oauth.ts';
import { byRole, type Sender, type SenderContext } from './sender.ts';
import { mailApiError } from './service-answer.ts';

type Graph = DestinationOf<'graph'>;

/** Mail through Microsoft Graph, as an application with the permission Mail.Send (client credentials, RFC 6749, 4.4). */
export function graphSender(graph: Graph, context: SenderContext): Sender {
  const channel = byRole(context.role, {
    server: 'server-to-mail-api',
    windows: 'agent-to-graph',
    posix: 'posix-agent-to-mail-api',
  });
  const tokens = new AccessTokens({
    channel,
    url: `https://login.microsoftonline.com/${encodeURIComponent(graph.tenant)}/oauth2/v2.0/token`,
    form: async () => ({
      grant_type: 'client_credentials',
      client_id: graph.clientId,
      client_secret: await context.readFile(graph.clientSecretFile),
      scope: 'https://graph.microsoft.com/.default',
    }),
    context,
  });
  const url = new URL(`https://graph.microsoft.com/v1.0/users/${encodeURIComponent(graph.from)}/sendMail`);
  return {
    send: async (outgoing, signal) => {
      const token = await tokens.take(signal);
      const { subject, html } = mailOf(outgoing, context.timeZone);
      const body = JSON.stringify({
        message: {
          subject,
          // Graph takes one form only; it makes the text for readers without HTML by itself.
          body: { contentType: 'html', content: html },
          toRecipients: [{ emailAddress: { address: outgoing.recipient } }],
        },
        saveToSentItems: false,
      });
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const answer = await postOutside({ channel, url, headers, body }, context, signal);
      if (answer.status === 202) return;
      if (answer.status === 401) tokens.forget();
      throw mailApiError('Microsoft Graph', answer);
    },
  };
}
