export { applicableMigrations, migrations, upgradeToVersion2 } from './migrations.ts';
