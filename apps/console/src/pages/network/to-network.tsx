import { Button } from '@mantine/core';
import { IconArrowLeft } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useText } from '../../i18n/language.tsx';

/** From one of its pages back to the map. */
export function ToNetwork(): ReactNode {
  const t = useText();
  return (
    <Button
      component={Link}
      to="/network"
      variant="default"
      leftSection={<IconArrowLeft size={17} aria-hidden="true" />}
    >
      {t('network.title')}
    </Button>
  );
}
