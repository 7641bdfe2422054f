# SPDX-License-Identifier: GPL-2.0-only
"""The laboratory: fetches and builds kernels, boots guests, runs the tests."""
