import type { ComputerDetail } from '@holdfast/protocol';
import { Group } from '@mantine/core';
import type { ReactNode } from 'react';
import { StateBadge } from '../../components/state-badge.tsx';

/** Whether a computer is there, and all that is wrong with it. */
export function ComputerStates({ computer }: { readonly computer: ComputerDetail }): ReactNode {
  return (
    <Group gap={6}>
      <StateBadge state={computer.state} />
      {computer.conditions.map((condition) => (
        <StateBadge key={condition} state={condition} />
      ))}
    </Group>
  );
}
