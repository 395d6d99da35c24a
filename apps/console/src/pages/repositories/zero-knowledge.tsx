import type { Repository } from '@holdfast/protocol';
import type { ReactNode } from 'react';
import { Card } from '../../components/card.tsx';
import { ComputerName } from '../../components/computer-name.tsx';
import { useText } from '../../i18n/language.tsx';

/** What follows from the server having no key, before somebody needs it. */
export function ZeroKnowledge({ repository }: { readonly repository: Repository }): ReactNode {
  const t = useText();
  return (
    <Card title={t('zero-knowledge.title')}>
      <p>
        {t('zero-knowledge.lead')} {repository.executorId !== undefined && <ComputerName id={repository.executorId} />}
      </p>
      <ul>
        <li>{t('zero-knowledge.no-looking')}</li>
        <li>{t('zero-knowledge.no-other')}</li>
        <li>{t('zero-knowledge.no-password')}</li>
        <li>{t('zero-knowledge.maintenance')}</li>
      </ul>
    </Card>
  );
}
