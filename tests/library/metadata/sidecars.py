"""Sidecars in the forms that other programs write, with made-up people."""

_NAMESPACES = """xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
   xmlns:dc="http://purl.org/dc/elements/1.1/"
   xmlns:digiKam="http://www.digikam.org/ns/1.0/"
   xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
   xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
   xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"
   xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
   xmlns:MP="http://ns.microsoft.com/photo/1.2/"
   xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
   xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"
   xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/\""""


def sidecar(toolkit: str, properties: str) -> bytes:
    """A packet with a description that declares all namespaces."""
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="{toolkit}">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
   {_NAMESPACES}{properties}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


# Area of all: x 0.1 to 0.4, y 0.25 to 0.75.
DIGIKAM = sidecar(
    "XMP Core 4.4.0-Exiv2",
    """>
   <digiKam:TagsList><rdf:Seq><rdf:li>People/Zoë Example</rdf:li><rdf:li>Holiday</rdf:li></rdf:Seq></digiKam:TagsList>
   <dc:subject><rdf:Bag><rdf:li>Holiday</rdf:li></rdf:Bag></dc:subject>
   <mwg-rs:Regions rdf:parseType="Resource">
    <mwg-rs:AppliedToDimensions stDim:w="100" stDim:h="80" stDim:unit="pixel"/>
    <mwg-rs:RegionList>
     <rdf:Bag>
      <rdf:li>
       <rdf:Description mwg-rs:Name="Zoë Example" mwg-rs:Type="Face">
        <mwg-rs:Area stArea:x="0.25" stArea:y="0.5" stArea:w="0.3" stArea:h="0.5" stArea:unit="normalized"/>
       </rdf:Description>
      </rdf:li>
     </rdf:Bag>
    </mwg-rs:RegionList>
   </mwg-rs:Regions>
   <MP:RegionInfo rdf:parseType="Resource">
    <MPRI:Regions>
     <rdf:Bag>
      <rdf:li MPReg:PersonDisplayName="Zoë Example" MPReg:Rectangle="0.1, 0.25, 0.3, 0.5"/>
     </rdf:Bag>
    </MPRI:Regions>
   </MP:RegionInfo>""",
)

LIGHTROOM = sidecar(
    "Adobe XMP Core 7.0-c000",
    """
   crs:Exposure2012="+0.50">
   <Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Zoë Example</rdf:li></rdf:Bag></Iptc4xmpExt:PersonInImage>
   <mwg-rs:Regions>
    <rdf:Description>
     <mwg-rs:AppliedToDimensions>
      <rdf:Description stDim:w="100" stDim:h="80" stDim:unit="pixel"/>
     </mwg-rs:AppliedToDimensions>
     <mwg-rs:RegionList>
      <rdf:Bag>
       <rdf:li>
        <rdf:Description mwg-rs:Rotation="0.0" mwg-rs:Name="Zoë Example" mwg-rs:Type="Face">
         <mwg-rs:Area><rdf:Description stArea:h="0.5" stArea:w="0.3" stArea:x="0.25" stArea:y="0.5"/></mwg-rs:Area>
        </rdf:Description>
       </rdf:li>
      </rdf:Bag>
     </mwg-rs:RegionList>
    </rdf:Description>
   </mwg-rs:Regions>""",
)

PICASA = sidecar(
    "XMP Core 5.5.0",
    """>
   <mwg-rs:Regions rdf:parseType="Resource">
    <mwg-rs:AppliedToDimensions rdf:parseType="Resource">
     <stDim:w>100</stDim:w><stDim:h>80</stDim:h><stDim:unit>pixel</stDim:unit>
    </mwg-rs:AppliedToDimensions>
    <mwg-rs:RegionList>
     <rdf:Bag>
      <rdf:li rdf:parseType="Resource">
       <mwg-rs:Area rdf:parseType="Resource">
        <stArea:x>0.25</stArea:x><stArea:y>0.5</stArea:y><stArea:w>0.3</stArea:w><stArea:h>0.5</stArea:h>
        <stArea:unit>normalized</stArea:unit>
       </mwg-rs:Area>
       <mwg-rs:Name>Zoë Example</mwg-rs:Name>
       <mwg-rs:Type>Face</mwg-rs:Type>
      </rdf:li>
     </rdf:Bag>
    </mwg-rs:RegionList>
   </mwg-rs:Regions>""",
)

WINDOWS = sidecar(
    "Microsoft Photo Gallery",
    """>
   <MP:RegionInfo>
    <rdf:Description>
     <MPRI:Regions>
      <rdf:Bag>
       <rdf:li>
        <rdf:Description MPReg:Rectangle="0.1, 0.25, 0.3, 0.5" MPReg:PersonDisplayName="Zoë Example"/>
       </rdf:li>
      </rdf:Bag>
     </MPRI:Regions>
    </rdf:Description>
   </MP:RegionInfo>""",
)

IMMICH = sidecar(
    "Image::ExifTool 13.30",
    """>
   <digiKam:TagsList><rdf:Seq><rdf:li>Holiday</rdf:li></rdf:Seq></digiKam:TagsList>
   <mwg-rs:Regions rdf:parseType='Resource'>
    <mwg-rs:AppliedToDimensions rdf:parseType='Resource'>
     <stDim:h>80</stDim:h>
     <stDim:unit>pixel</stDim:unit>
     <stDim:w>100</stDim:w>
    </mwg-rs:AppliedToDimensions>
    <mwg-rs:RegionList>
     <rdf:Bag>
      <rdf:li rdf:parseType='Resource'>
       <mwg-rs:Area rdf:parseType='Resource'>
        <stArea:h>0.5</stArea:h>
        <stArea:unit>normalized</stArea:unit>
        <stArea:w>0.3</stArea:w>
        <stArea:x>0.25</stArea:x>
        <stArea:y>0.5</stArea:y>
       </mwg-rs:Area>
       <mwg-rs:Name>Zoë Example</mwg-rs:Name>
       <mwg-rs:Type>Face</mwg-rs:Type>
      </rdf:li>
     </rdf:Bag>
    </mwg-rs:RegionList>
   </mwg-rs:Regions>""",
)

SIDECARS = {
    "digiKam": DIGIKAM,
    "Lightroom": LIGHTROOM,
    "Picasa": PICASA,
    "Windows": WINDOWS,
    "Immich": IMMICH,
}
"""Sidecars with one named face by the program that writes this form. PhotoPrism reads them all and writes none."""
