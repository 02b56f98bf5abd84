/** Deletion and insertion over all volumes, compared with random orders. */
import { drawSvg, INK, PALETTE, type Spec } from "../page/drawing.js";
import { MAP_NAMES, signed, capitalised, type KindSummary } from "./summary.js";

export async function orderFigure(maps: readonly KindSummary[]): Promise<string> {
  const panels = maps.flatMap((summary) => [panel(summary, "deletion"), panel(summary, "insertion")]);
  const words = maps.map(
    (summary) =>
      `${MAP_NAMES[summary.kind]}: gain of deletion ${signed(summary.deletion)}, of insertion ${signed(summary.insertion)}`,
  );
  return await drawSvg(
    { columns: 2, spacing: { row: 30, column: 40 }, concat: panels },
    {
      title: "Deletion and insertion",
      description: `Mean probability of the explained class. ${words.join("; ")}.`,
    },
  );
}

function panel(summary: KindSummary, what: "deletion" | "insertion"): Spec {
  const { shares } = summary.curves;
  const random = what === "deletion" ? summary.curves.randomDeletion : summary.curves.randomInsertion;
  const series = [
    ["map", summary.curves[what]],
    ["random order", random],
  ] as const;
  const values = series.flatMap(([order, curve]) =>
    curve.map((value, k) => ({ share: shares[k]!, value, order })),
  );
  const colour = { domain: ["map", "random order"], range: [PALETTE.blue, PALETTE.grey] };
  const dash = {
    domain: colour.domain,
    range: [
      [1, 0],
      [5, 3],
    ],
  };
  const legend = { title: null, orient: "top" };
  return {
    title: {
      text: `${capitalised(MAP_NAMES[summary.kind])}: ${what}`,
      subtitle: `gain over chance ${signed(summary[what])}`,
      subtitleColor: INK,
      subtitleFontSize: 12,
    },
    width: 300,
    height: 190,
    data: { values },
    mark: { type: "line", strokeWidth: 2, point: { size: 22 } },
    encoding: {
      x: {
        field: "share",
        type: "quantitative",
        title: `share of the cells ${what === "deletion" ? "deleted" : "inserted"}, highest first`,
        axis: { format: ".0%", grid: false, tickCount: 5 },
      },
      y: {
        field: "value",
        type: "quantitative",
        title: "probability of the class",
        scale: { domain: [0, 1] },
      },
      color: { field: "order", type: "nominal", sort: null, scale: colour, legend },
      strokeDash: { field: "order", type: "nominal", sort: null, scale: dash, legend },
    },
  };
}
