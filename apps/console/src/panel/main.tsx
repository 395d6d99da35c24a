import '@mantine/core/styles.css';
import '../app/app.css';
import { createRoot } from 'react-dom/client';
import { Panel } from './panel.tsx';

const root = document.getElementById('root');
if (!root) throw new Error('panel.html has no root.');
createRoot(root).render(<Panel />);

// After an update of the agent the parts that this page would load next are gone: a new page knows the new ones.
addEventListener('vite:preloadError', () => location.reload());
