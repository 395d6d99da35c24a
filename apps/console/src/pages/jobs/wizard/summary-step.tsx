import type { Answer } from '@holdfast/protocol';
import type { ReactNode } from 'react';
import { Facts } from '../../../components/facts.tsx';
import { useLanguage } from '../../../i18n/language.tsx';
import type { JobKind } from '../job-kinds.ts';
import { keepText } from '../keep-text.ts';
import { scheduleText } from '../schedule-text.ts';
import { scopeText } from '../scope-text.ts';
import { TargetName } from '../target-name.tsx';
import type { JobDraft } from './job-draft.ts';

/** What was chosen, in one view, with what the server says that it comes to. */
export function SummaryStep({
  kind,
  draft,
  checked,
}: {
  readonly kind: JobKind;
  readonly draft: JobDraft;
  readonly checked: Answer<'checkJob'> | undefined;
}): ReactNode {
  const { t, formats } = useLanguage();
  const { scope, target } = draft;
  return (
    <Facts
      facts={[
        [t(`wizard.name.${kind}`), draft.name],
        [t('wizard.computers'), t('computers.total', { count: checked?.computers ?? 0 })],
        [t('jobs.column.scope'), scopeText(scope, t)],
        [t('protect.target'), target && <TargetName key="target" target={target} />],
        [t('jobs.column.schedule'), scheduleText(draft.schedule, t, formats)],
        [t('wizard.keep'), keepText(draft.retention, t)],
        [t('wizard.retries'), formats.number(draft.retries.count)],
        [
          t('wizard.windows'),
          draft.windows.length === 0
            ? t('wizard.windows.none')
            : draft.windows.map(({ from, to }) => `${from}–${to}`).join(', '),
        ],
      ]}
    />
  );
}

/** When it would be due next, by the server that starts it. */
export function NextDue({ due }: { readonly due: readonly string[] }): ReactNode {
  const { t, formats } = useLanguage();
  if (due.length === 0) return <p>{t('wizard.due.none')}</p>;
  return (
    <div>
      <strong>{t('wizard.due')}</strong>
      <ul>
        {due.map((at) => (
          <li key={at}>
            <time dateTime={at}>{formats.dateTime(at)}</time>
          </li>
        ))}
      </ul>
    </div>
  );
}
