/** What a cell showed, out of the cells that were kept with its state: text and pictures, nothing that can act. */
import * as React from 'react';

const ESCAPES = /\u001b\[[0-9;]*[A-Za-z]/g;

/** Kinds of pictures that notebooks hold in base64. */
const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

function text(value: unknown): string {
  return (Array.isArray(value) ? value.join('') : String(value ?? '')).replace(ESCAPES, '');
}

export function Outputs({ outputs }: { outputs: any[] }): JSX.Element {
  return (
    <div className="timeslip-Outputs">
      {outputs.map((output, index) => {
        const data = output.data ?? {};
        const picture = PICTURES.find(type => data[type]);
        if (picture) {
          return <img key={index} src={`data:${picture};base64,${text(data[picture]).trim()}`} alt={text(data['text/plain'])} />;
        }
        if (output.output_type === 'error') {
          return (
            <pre key={index} className="timeslip-mod-failed" tabIndex={0}>
              {text(output.ename)}: {text(output.evalue)}
            </pre>
          );
        }
        const said = output.output_type === 'stream' ? text(output.text) : text(data['text/plain']);
        return <pre key={index} tabIndex={0}>{said.length > 4000 ? `${said.slice(0, 4000)} …` : said}</pre>;
      })}
    </div>
  );
}
