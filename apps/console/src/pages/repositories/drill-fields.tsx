import type { RepositoryMaintenance } from '@holdfast/protocol';
import { Group, NativeSelect, NumberInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { useText } from '../../i18n/language.tsx';

type Options = RepositoryMaintenance['drillOptions'];

const gibibyte = 2 ** 30;
const amounts = ['sample', 'whole'] as const;
const newSample = { kind: 'sample', files: 1_000 } as const;

/** Of how many computers a drill restores the newest backup, how much of it, and within which bounds. */
export function DrillFields(o: {
  readonly options: Options;
  readonly onChange: (options: Options) => void;
}): ReactNode {
  const t = useText();
  const { options, onChange } = o;
  const { amount } = options;
  return (
    <>
      <Group gap="md" align="flex-start">
        <NumberInput
          label={t('drill.computers')}
          min={1}
          max={1000}
          required
          value={options.count}
          onChange={(value) => onChange({ ...options, count: Number(value) })}
        />
        <NativeSelect
          label={t('drill.amount')}
          value={amount.kind}
          onChange={({ currentTarget }) =>
            onChange({ ...options, amount: currentTarget.value === 'whole' ? { kind: 'whole' } : newSample })
          }
          data={amounts.map((value) => ({ value, label: t(`drill.amount.${value}`) }))}
        />
        {amount.kind === 'sample' && (
          <NumberInput
            label={t('drill.files')}
            min={1}
            max={100_000}
            required
            value={amount.files}
            onChange={(value) => onChange({ ...options, amount: { kind: 'sample', files: Number(value) } })}
          />
        )}
      </Group>
      <Group gap="md" align="flex-start">
        <NumberInput
          label={t('drill.most')}
          min={1 / 1024}
          required
          value={options.maxBytes / gibibyte}
          onChange={(value) => onChange({ ...options, maxBytes: Math.round(Number(value) * gibibyte) })}
        />
        <NumberInput
          label={t('drill.minutes')}
          min={1}
          max={10_080}
          required
          value={options.maxMinutes}
          onChange={(value) => onChange({ ...options, maxMinutes: Number(value) })}
        />
      </Group>
      {options.computers.length > 0 && <p>{t('drill.only', { count: options.computers.length })}</p>}
    </>
  );
}
