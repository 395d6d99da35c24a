import type { ReactNode } from 'react';
import { PageHead } from '../../components/page-head.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useText } from '../../i18n/language.tsx';
import { Renderings } from './renderings.tsx';
import { ToNetwork } from './to-network.tsx';

/** What is handed to whoever keeps the firewalls. */
export function RulesPage(): ReactNode {
  const t = useText();
  return (
    <Stacked>
      <PageHead title={t('network.rules')} subtitle={t('network.rules.lead')}>
        <ToNetwork />
      </PageHead>
      <Renderings />
    </Stacked>
  );
}
