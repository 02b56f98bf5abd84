;; One plane of a volume, resampled along y and then along x with float32 sums; src/resample/plane.ts calls it.
;; build.mjs compiles this file into src/resample/plane-wasm.ts.
;;
;; Taps of one axis, for each output i: first[i] the first input, length[i] how many, weight[i * width ..] their weights.
;; Rows may be read up to 32 bytes past their end; what is read there is not used.
(module
  (memory (export "memory") 1)

  ;; sums[x] = sum over t of weight[t] * row[t][x], for int16 rows `stride` bytes apart; eight columns at once.
  (func $sumRowsI16
    (param $rows i32) (param $stride i32) (param $columns i32) (param $weight i32) (param $taps i32) (param $sums i32)
    (local $x i32) (local $t i32) (local $at i32) (local $w v128) (local $values v128) (local $low v128) (local $high v128)
    (loop $eight
      (local.set $low (v128.const f32x4 0 0 0 0))
      (local.set $high (v128.const f32x4 0 0 0 0))
      (local.set $at (i32.add (local.get $rows) (i32.shl (local.get $x) (i32.const 1))))
      (local.set $t (i32.const 0))
      (loop $tap
        (local.set $w (v128.load32_splat (i32.add (local.get $weight) (i32.shl (local.get $t) (i32.const 2)))))
        (local.set $values (v128.load (local.get $at)))
        (local.set $low
          (f32x4.add (local.get $low)
            (f32x4.mul (local.get $w) (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $values))))))
        (local.set $high
          (f32x4.add (local.get $high)
            (f32x4.mul (local.get $w) (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $values))))))
        (local.set $at (i32.add (local.get $at) (local.get $stride)))
        (local.set $t (i32.add (local.get $t) (i32.const 1)))
        (br_if $tap (i32.lt_s (local.get $t) (local.get $taps))))
      (v128.store (i32.add (local.get $sums) (i32.shl (local.get $x) (i32.const 2))) (local.get $low))
      (v128.store offset=16 (i32.add (local.get $sums) (i32.shl (local.get $x) (i32.const 2))) (local.get $high))
      (local.set $x (i32.add (local.get $x) (i32.const 8)))
      (br_if $eight (i32.lt_s (local.get $x) (local.get $columns)))))

  ;; The same for float32 rows.
  (func $sumRowsF32
    (param $rows i32) (param $stride i32) (param $columns i32) (param $weight i32) (param $taps i32) (param $sums i32)
    (local $x i32) (local $t i32) (local $at i32) (local $w v128) (local $low v128) (local $high v128)
    (loop $eight
      (local.set $low (v128.const f32x4 0 0 0 0))
      (local.set $high (v128.const f32x4 0 0 0 0))
      (local.set $at (i32.add (local.get $rows) (i32.shl (local.get $x) (i32.const 2))))
      (local.set $t (i32.const 0))
      (loop $tap
        (local.set $w (v128.load32_splat (i32.add (local.get $weight) (i32.shl (local.get $t) (i32.const 2)))))
        (local.set $low (f32x4.add (local.get $low) (f32x4.mul (local.get $w) (v128.load (local.get $at)))))
        (local.set $high (f32x4.add (local.get $high) (f32x4.mul (local.get $w) (v128.load offset=16 (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (local.get $stride)))
        (local.set $t (i32.add (local.get $t) (i32.const 1)))
        (br_if $tap (i32.lt_s (local.get $t) (local.get $taps))))
      (v128.store (i32.add (local.get $sums) (i32.shl (local.get $x) (i32.const 2))) (local.get $low))
      (v128.store offset=16 (i32.add (local.get $sums) (i32.shl (local.get $x) (i32.const 2))) (local.get $high))
      (local.set $x (i32.add (local.get $x) (i32.const 8)))
      (br_if $eight (i32.lt_s (local.get $x) (local.get $columns)))))

  ;; out[i] = the dot product of the row with the taps of output i; four at once, the rest one by one, so that no value
  ;; beyond the taps counts (0 times NaN is NaN).
  (func $dots
    (param $row i32) (param $first i32) (param $length i32) (param $weight i32) (param $width i32) (param $count i32) (param $out i32)
    (local $i i32) (local $at i32) (local $w i32) (local $left i32) (local $four v128) (local $sum f32)
    (loop $output
      (local.set $at
        (i32.add (local.get $row)
          (i32.shl (i32.load (i32.add (local.get $first) (i32.shl (local.get $i) (i32.const 2)))) (i32.const 2))))
      (local.set $w
        (i32.add (local.get $weight) (i32.shl (i32.mul (local.get $i) (local.get $width)) (i32.const 2))))
      (local.set $left (i32.load (i32.add (local.get $length) (i32.shl (local.get $i) (i32.const 2)))))
      (local.set $four (v128.const f32x4 0 0 0 0))
      (block $fewer
        (loop $four_taps
          (br_if $fewer (i32.lt_s (local.get $left) (i32.const 4)))
          (local.set $four
            (f32x4.add (local.get $four) (f32x4.mul (v128.load (local.get $at)) (v128.load (local.get $w)))))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (local.set $w (i32.add (local.get $w) (i32.const 16)))
          (local.set $left (i32.sub (local.get $left) (i32.const 4)))
          (br $four_taps)))
      (local.set $sum
        (f32.add
          (f32.add (f32x4.extract_lane 0 (local.get $four)) (f32x4.extract_lane 1 (local.get $four)))
          (f32.add (f32x4.extract_lane 2 (local.get $four)) (f32x4.extract_lane 3 (local.get $four)))))
      (block $none
        (loop $one_tap
          (br_if $none (i32.eqz (local.get $left)))
          (local.set $sum (f32.add (local.get $sum) (f32.mul (f32.load (local.get $at)) (f32.load (local.get $w)))))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (local.set $w (i32.add (local.get $w) (i32.const 4)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br $one_tap)))
      (f32.store (i32.add (local.get $out) (i32.shl (local.get $i) (i32.const 2))) (local.get $sum))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $output (i32.lt_s (local.get $i) (local.get $count)))))

  ;; A plane of int16 (float = 0) or float32 (float = 1), `columns` wide, to yCount rows of xCount float32 at `out`.
  (func (export "plane")
    (param $float i32) (param $plane i32) (param $columns i32)
    (param $yFirst i32) (param $yLength i32) (param $yWeight i32) (param $yWidth i32) (param $yCount i32)
    (param $xFirst i32) (param $xLength i32) (param $xWeight i32) (param $xWidth i32) (param $xCount i32)
    (param $sums i32) (param $out i32)
    (local $i i32) (local $stride i32) (local $rows i32) (local $weight i32) (local $taps i32)
    (local.set $stride (i32.shl (local.get $columns) (i32.add (i32.const 1) (local.get $float))))
    (loop $row
      (local.set $rows
        (i32.add (local.get $plane)
          (i32.mul (local.get $stride)
            (i32.load (i32.add (local.get $yFirst) (i32.shl (local.get $i) (i32.const 2)))))))
      (local.set $weight
        (i32.add (local.get $yWeight) (i32.shl (i32.mul (local.get $i) (local.get $yWidth)) (i32.const 2))))
      (local.set $taps (i32.load (i32.add (local.get $yLength) (i32.shl (local.get $i) (i32.const 2)))))
      (if (local.get $float)
        (then
          (call $sumRowsF32 (local.get $rows) (local.get $stride) (local.get $columns) (local.get $weight)
            (local.get $taps) (local.get $sums)))
        (else
          (call $sumRowsI16 (local.get $rows) (local.get $stride) (local.get $columns) (local.get $weight)
            (local.get $taps) (local.get $sums))))
      (call $dots (local.get $sums) (local.get $xFirst) (local.get $xLength) (local.get $xWeight) (local.get $xWidth)
        (local.get $xCount)
        (i32.add (local.get $out) (i32.shl (i32.mul (local.get $i) (local.get $xCount)) (i32.const 2))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $row (i32.lt_s (local.get $i) (local.get $yCount))))))
