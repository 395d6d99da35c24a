import MailComposer from 'nodemailer/lib/mail-composer';
import { messageHtml } from '../message/html.ts';
import { messageOf } from '../message/message.ts';
import { messageText } from '../message/text.ts';
import type { Outgoing } from './sender.ts';

/** A mail as its recipient sees it. */
export interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const marks = { information: '', warning: 'Warning: ', error: 'Error: ' } as const;

export function mailOf({ event }: Outgoing, timeZone: string): Mail {
  const message = messageOf(event, timeZone);
  return {
    // Graph takes 255 characters, and nobody reads more.
    subject: `${`${marks[message.severity]}${message.subject}`.slice(0, 240).toWellFormed()} (Holdfast)`,
    text: messageText(message),
    html: messageHtml(message),
  };
}

/** RFC 5322, with text and HTML as alternatives. */
export async function mimeMail(
  outgoing: Outgoing,
  o: { readonly from: string; readonly to: string; readonly timeZone: string; readonly now: Date },
): Promise<Buffer> {
  const composer = new MailComposer({
    from: { name: 'Holdfast', address: o.from },
    to: { name: '', address: o.to },
    ...mailOf(outgoing, o.timeZone),
    // Always the same, so that a repeated mail that had arrived after all is known as the same.
    messageId: `<${outgoing.id}@${o.from.slice(o.from.lastIndexOf('@') + 1)}>`,
    date: o.now,
    // RFC 3834: nobody's out-of-office assistant answers.
    headers: { 'Auto-Submitted': 'auto-generated' },
    newline: 'win',
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return await composer.compile().build();
}
