/**
 * From images and layers to flattened devices: conversion into the store, merging, the root hash, and telling a person how
 * far it is.
 */
@NullMarked
package io.lamina.host.flatten;

import org.jspecify.annotations.NullMarked;
