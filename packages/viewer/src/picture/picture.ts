/** The drawing of a scan by NiiVue: planes and 3D, crosshair, zoom, window. Everything that knows of NiiVue is here. */
import { DRAG_MODE, Niivue, NVImage, SHOW_RENDER, SLICE_TYPE } from "@niivue/niivue";
import { limitsOf, type ValueWindow } from "./windows.js";

export type Layout = "planes" | "axial" | "coronal" | "sagittal" | "solid";
export type Pointer = "crosshair" | "pan" | "window" | "measure";
export type Place = readonly [number, number, number];

/** The axial plane is the large one. Left, top, width and height, as shares of the canvas. */
const PLANES = [
  { sliceType: SLICE_TYPE.AXIAL, position: [0, 0, 0.62, 1] },
  { sliceType: SLICE_TYPE.CORONAL, position: [0.625, 0, 0.375, 0.495] },
  { sliceType: SLICE_TYPE.SAGITTAL, position: [0.625, 0.505, 0.375, 0.495] },
] as const;

/** Width of the crosshair in percent of the scan. */
const CROSSHAIR = 0.3;

const SLICE_TYPES: Record<Layout, SLICE_TYPE> = {
  planes: SLICE_TYPE.MULTIPLANAR,
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  solid: SLICE_TYPE.RENDER,
};

const DRAGS: Record<Pointer, DRAG_MODE> = {
  crosshair: DRAG_MODE.crosshair,
  pan: DRAG_MODE.pan,
  window: DRAG_MODE.windowing,
  measure: DRAG_MODE.measurement,
};

const ZOOM_LIMITS = [0.5, 20] as const;

export interface PictureEvents {
  /** The crosshair was moved by the pointer or the wheel. */
  onPlace: (place: Place) => void;
  /** The value of the scan under the crosshair, after every move. */
  onValue: (value: number) => void;
  /** The window was changed by dragging. */
  onWindow: (window: ValueWindow) => void;
}

export class Picture implements Disposable {
  readonly #view: Niivue;
  readonly #events: PictureEvents;
  #layout: Layout = "planes";
  /** The file that was asked for last: a small scan may be ready before a large one that was asked for earlier. */
  #wanted: ArrayBuffer | null = null;
  /** Our own moves must not come back as the user's. */
  #isSetting = false;

  private constructor(view: Niivue, events: PictureEvents) {
    this.#view = view;
    this.#events = events;
  }

  /** @throws Error if the browser has no WebGL 2 */
  static async attach(canvas: HTMLCanvasElement, events: PictureEvents): Promise<Picture> {
    if (document.createElement("canvas").getContext("webgl2") === null) throw new Error("WebGL 2 is missing");
    const view = new Niivue({
      backColor: [0, 0, 0, 1],
      crosshairColor: [0.35, 0.8, 0.95, 0.8],
      crosshairGap: 8,
      crosshairWidth: CROSSHAIR,
      crosshairWidthUnit: "percent",
      dragAndDropEnabled: false,
      dragMode: DRAG_MODE.pan,
      dragModePrimary: DRAG_MODE.crosshair,
      fontColor: [0.85, 0.85, 0.85, 1],
      isColorbar: false,
      isOrientCube: false,
      isRadiologicalConvention: true,
      loadingText: "",
      logLevel: "error",
      multiplanarShowRender: SHOW_RENDER.NEVER,
      scrollRequiresFocus: false,
      show3Dcrosshair: true,
      tileMargin: 4,
      viewModeHotKey: "",
      clipPlaneHotKey: "",
      cycleClipPlaneHotKey: "",
    });
    const picture = new Picture(view, events);
    view.onLocationChange = (location) => picture.#moved(location as Location);
    view.onIntensityChange = ({ cal_min: low = 0, cal_max: high = 1 }) =>
      events.onWindow({ level: (low + high) / 2, width: high - low });
    await view.attachToCanvas(canvas);
    canvas.tabIndex = -1; // the keys are those of the element around it
    return picture;
  }

  /**
   * Replaces what is drawn, unless another file is asked for in the meantime.
   * @param nifti a NIfTI file that NiiVue may keep   @param hasPlace whether right, left and so on have a meaning
   */
  async show(nifti: ArrayBuffer, window: ValueWindow, hasPlace: boolean): Promise<void> {
    this.#wanted = nifti;
    const [low, high] = limitsOf(window);
    const image = await NVImage.loadFromUrl({
      url: nifti,
      name: "scan.nii",
      colormap: "gray",
      cal_min: low,
      cal_max: high,
    });
    if (this.#wanted !== nifti) return;
    this.#view.opts.isOrientationTextVisible = hasPlace;
    this.#quietly(() => {
      while (this.#view.volumes.length > 0) this.#view.removeVolumeByIndex(0);
      this.#view.addVolume(image);
      this.#view.setPan2Dxyzmm([0, 0, 0, 1]);
    });
  }

  /** Number of slices along the patient's axes: left-right, back-front, feet-head. */
  get slices(): [number, number, number] {
    const [, x = 1, y = 1, z = 1] = this.#view.volumes[0]?.dimsRAS ?? [];
    return [x, y, z];
  }

  goTo(place: Place): void {
    if (this.#view.volumes.length === 0) return;
    this.#quietly(() => {
      const [x, y, z] = place;
      this.#view.scene.crosshairPos = [x, y, z];
      this.#view.drawScene();
      this.#view.createOnLocationChange();
    });
  }

  setWindow(window: ValueWindow): void {
    const [image] = this.#view.volumes;
    const [low, high] = limitsOf(window);
    if (image === undefined || (image.cal_min === low && image.cal_max === high)) return;
    [image.cal_min, image.cal_max] = [low, high];
    this.#quietly(() => this.#view.updateGLVolume());
  }

  setLayout(layout: Layout): void {
    this.#layout = layout;
    this.#quietly(() => {
      if (layout === "planes")
        this.#view.setCustomLayout(
          PLANES.map(({ sliceType, position: [...place] }) => ({ sliceType, position: place })),
        );
      else this.#view.clearCustomLayout();
      this.#view.setSliceType(SLICE_TYPES[layout]);
    });
  }

  setPointer(pointer: Pointer): void {
    this.#view.opts.dragModePrimary = DRAGS[pointer];
  }

  setCrosshair(isShown: boolean): void {
    this.#quietly(() => this.#view.setCrosshairWidth(isShown ? CROSSHAIR : 0));
  }

  /** @param factor above 1 to enlarge around the crosshair */
  zoom(factor: number): void {
    const { scene } = this.#view;
    if (this.#layout === "solid")
      return this.#view.setScale(clamp(scene.volScaleMultiplier * factor, ZOOM_LIMITS));
    const [x = 0, y = 0, z = 0, before = 1] = scene.pan2Dxyzmm;
    const after = clamp(before * factor, ZOOM_LIMITS);
    const centre = this.#view.frac2mm(scene.crosshairPos);
    const moved = [x, y, z].map((mm, axis) => mm + (before - after) * centre[axis]!);
    this.#view.setPan2Dxyzmm([moved[0]!, moved[1]!, moved[2]!, after]);
  }

  resetView(): void {
    this.#view.setPan2Dxyzmm([0, 0, 0, 1]);
    this.#view.setScale(1);
  }

  [Symbol.dispose](): void {
    this.#wanted = null;
    while (this.#view.volumes.length > 0) this.#view.removeVolumeByIndex(0);
    this.#view.cleanup();
    this.#view.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  #moved({ frac: [x = 0.5, y = 0.5, z = 0.5], values }: Location): void {
    if (!this.#isSetting) this.#events.onPlace([x, y, z]);
    this.#events.onValue(values[0]?.value ?? NaN);
  }

  #quietly(change: () => void): void {
    this.#isSetting = true;
    try {
      change();
    } finally {
      this.#isSetting = false;
    }
  }
}

interface Location {
  frac: ArrayLike<number> & Iterable<number>;
  values: { value: number }[];
}

const clamp = (value: number, [low, high]: readonly [number, number]): number =>
  Math.min(high, Math.max(low, value));
