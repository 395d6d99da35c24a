import { Button } from '@mantine/core';
import { IconArrowLeft } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { PageHead } from '../../components/page-head.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useText } from '../../i18n/language.tsx';
import { Renderings } from './renderings.tsx';

/** What is handed to whoever keeps the firewalls. */
export function RulesPage(): ReactNode {
  const t = useText();
  return (
    <Stacked>
      <PageHead title={t('network.rules')} subtitle={t('network.rules.lead')}>
        <Button
          component={Link}
          to="/network"
          variant="default"
          leftSection={<IconArrowLeft size={17} aria-hidden="true" />}
        >
          {t('network.title')}
        </Button>
      </PageHead>
      <Renderings />
    </Stacked>
  );
}
