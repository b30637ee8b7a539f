#!/usr/bin/env python3
"""Recomputes the scores of `skipcast evaluate --save FILE.nc` with independent packages.

  tools/check_scores.py FILE.nc [--tolerance 1e-5]

Fair and plain CRPS come from the PyPI package `scores`, the energy score from `scoringrules`
(divided by the root of the number of observed values, as skipcast defines it), the fair energy
score, RMSE and MAE of the ensemble mean from numpy. On a grid a value counts by its cell's area,
the cosine of its latitude at mean 1 (within a quarter of a degree of a pole, that of 89.75). Each is
compared with the attribute of that name at every forecast variable. Prints one line a score; exit
code 0 when all agree to the relative tolerance, 1 when one does not or the file has nothing to
check, 2 for a wrong request.
Needs the Python environment of tools/setup.
"""
import argparse
import sys

import netCDF4
import numpy as np
import scoringrules
import xarray
from scores.probability import crps_for_ensemble

SCORES = ("crps_fair", "crps", "energy_score", "energy_score_fair", "rmse", "mae")


def area_weights(dataset, name):
    """Of the values of one query, flat; 1 each where places are no cells of a grid."""
    variable = dataset[name.replace("forecast", "observation", 1)]
    sizes = variable.shape[1:]
    if "lat" not in variable.dimensions or "lon" not in variable.dimensions:
        return np.ones(int(np.prod(sizes)))
    rows = np.cos(np.radians(np.minimum(np.abs(dataset["lat"][:].astype(np.float64)), 89.75)))
    return np.broadcast_to((rows / rows.mean())[:, None], sizes).ravel()


def energy_scores(forecast, observation, weights):
    """(plain, fair) of one query: [members, n], [n] and [n] without missing values."""
    members = forecast.shape[0]
    scale = np.sqrt(weights.sum())
    forecast, observation = forecast * np.sqrt(weights), observation * np.sqrt(weights)
    plain = float(scoringrules.es_ensemble(observation, forecast)) / scale
    if members == 1:
        return plain, plain
    gaps = forecast[:, None, :] - forecast[None, :, :]
    between = np.linalg.norm(gaps, axis=2).sum() / (2 * members**2) / scale
    return plain, plain + between - between * members / (members - 1)


def as_arrays(dataset, name):
    """Forecast [query, number, values] and observation [query, values] in double, NaN = missing."""
    pair = []
    for variable in (dataset[name], dataset[name.replace("forecast", "observation", 1)]):
        array = np.ma.filled(variable[:].astype(np.float64), np.nan)
        pair.append(array.reshape(*array.shape[: 2 if "number" in variable.dimensions else 1], -1))
    return pair


def crps(forecast, observation, weights, method):
    """Mean over all observed values, by the package `scores`."""
    if forecast.shape[1] == 1 and method == "fair":
        method = "ecdf"  # the fair score of one member is its absolute error
    mean = crps_for_ensemble(
        xarray.DataArray(forecast, dims=("query", "number", "value")),
        xarray.DataArray(observation, dims=("query", "value")),
        "number",
        method=method,
        preserve_dims="all",
    ).values
    return float(np.nansum(mean * weights) / np.sum(np.isfinite(mean) * weights))


def recompute(forecast, observation, weights):
    """The scores of one variable, by name."""
    observed = np.isfinite(observation)
    energies = [
        energy_scores(forecast[query][:, there], observation[query][there], weights[there])
        for query, there in enumerate(observed)
        if there.any()
    ]
    plain, fair = np.mean(energies, axis=0)
    error = (forecast.mean(axis=1) - observation)[observed]
    shares = np.broadcast_to(weights, observed.shape)[observed]
    return {
        "crps_fair": crps(forecast, observation, weights, "fair"),
        "crps": crps(forecast, observation, weights, "ecdf"),
        "energy_score": plain,
        "energy_score_fair": fair,
        "rmse": np.sqrt(np.average(error**2, weights=shares)),
        "mae": np.average(np.abs(error), weights=shares),
    }


def check(path, tolerance):
    """Number of scores that differ; -1 when there is nothing to check."""
    compared = differing = 0
    with netCDF4.Dataset(path) as dataset:
        for name in [n for n in dataset.variables if n.split("_")[0] == "forecast"]:
            theirs = recompute(*as_arrays(dataset, name), area_weights(dataset, name))
            for score in SCORES:
                if score not in dataset[name].ncattrs():
                    continue
                ours = float(dataset[name].getncattr(score))
                gap = abs(ours - theirs[score]) / max(abs(theirs[score]), 1e-300)
                verdict = "ok" if gap <= tolerance else "DIFFERS"
                differing += verdict != "ok"
                compared += 1
                print(f"{name:24} {score:18} {ours:.9g} {theirs[score]:.9g}  {gap:.1e}  {verdict}")
    return differing if compared else -1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="what `skipcast evaluate --save` wrote")
    parser.add_argument("--tolerance", type=float, default=1e-5, help="relative, default 1e-5")
    options = parser.parse_args()
    try:
        differing = check(options.file, options.tolerance)
    except (OSError, KeyError, IndexError) as error:
        print(f"check_scores: cannot read {options.file}: {error}", file=sys.stderr)
        return 2
    if differing < 0:
        print(f"check_scores: {options.file} holds no scored forecasts", file=sys.stderr)
        return 1
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
