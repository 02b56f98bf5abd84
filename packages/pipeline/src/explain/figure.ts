/** Deletion and insertion over all volumes, beside random orders. */
import { drawSvg, INK, PALETTE, type Spec } from "../page/drawing.js";
import { MAP_NAMES, signed, titled, type KindSummary } from "./summary.js";

export async function orderFigure(maps: readonly KindSummary[]): Promise<string> {
  const panels = maps.flatMap((one) => [panel(one, "deletion"), panel(one, "insertion")]);
  const words = maps.map(
    (one) => `${MAP_NAMES[one.kind]}: gain of deletion ${signed(one.deletion)}, of insertion ${signed(one.insertion)}`,
  );
  return await drawSvg(
    { columns: 2, spacing: { row: 30, column: 40 }, concat: panels },
    {
      title: "Deletion and insertion",
      description: `Mean probability of the class that is explained. ${words.join("; ")}.`,
    },
  );
}

function panel(one: KindSummary, what: "deletion" | "insertion"): Spec {
  const { shares } = one.curves;
  const random = what === "deletion" ? one.curves.randomDeletion : one.curves.randomInsertion;
  const series = [
    ["map", one.curves[what]],
    ["random order", random],
  ] as const;
  const values = series.flatMap(([order, curve]) => curve.map((value, k) => ({ share: shares[k]!, value, order })));
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
      text: `${titled(MAP_NAMES[one.kind])}: ${what}`,
      subtitle: `gain over chance ${signed(one[what])}`,
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
      y: { field: "value", type: "quantitative", title: "probability of the class", scale: { domain: [0, 1] } },
      color: { field: "order", type: "nominal", sort: null, scale: colour, legend },
      strokeDash: { field: "order", type: "nominal", sort: null, scale: dash, legend },
    },
  };
}
