import { LabIcon } from '@jupyterlab/ui-components';

const svg = (body: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><g class="jp-icon3 jp-icon-selectable" fill="#616161">${body}</g></svg>`;

/** A clock whose hand runs backwards. */
export const timeslipIcon = new LabIcon({
  name: 'timeslip:timeslip',
  svgstr: svg(
    '<path d="M13 3a9 9 0 0 0-9 9H1l3.9 3.9L9 12H6a7 7 0 1 1 2.1 4.9l-1.4 1.4A9 9 0 1 0 13 3z"/><path d="M12 7.5v5.2l4.3 2.6.8-1.3-3.6-2.1V7.5z"/>'
  )
});

export const backIcon = new LabIcon({
  name: 'timeslip:back',
  svgstr: svg('<path d="M12.5 8c-2.6 0-5 1-6.9 2.6L2 7v9h9l-3.6-3.6A8 8 0 0 1 20 16l2.4-.8A10.5 10.5 0 0 0 12.500 8z"/>')
});

export const forthIcon = new LabIcon({
  name: 'timeslip:forth',
  svgstr: svg('<path d="M18.400 10.600A10.500 10.500 0 0 0 1.600 15.200L4 16a8 8 0 0 1 12.600-3.600L13 16h9V7z"/>')
});
